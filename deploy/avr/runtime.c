/* SPDX-License-Identifier: MIT-0 */
/* What avr-gcc's own libraries have and an image without them lacks. Linked into no program. */

#include <stdint.h>

uint32_t __mulsi3(uint32_t a, uint32_t b);
void __do_copy_data(void);
void __do_clear_bss(void);

__attribute__((used)) uint32_t __mulsi3(uint32_t a, uint32_t b) {
    uint32_t product = 0u;

    for (; b != 0u; b >>= 1) {
        if ((b & 1u) != 0u) {
            product += a;
        }
        a <<= 1;
    }
    return product;
}

/* Names that compilers refer to when a program has variables, so that start-up code is linked. */
__attribute__((used)) void __do_copy_data(void) {
}

__attribute__((used)) void __do_clear_bss(void) {
}
