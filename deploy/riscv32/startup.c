/* SPDX-License-Identifier: MIT-0 */
/* Start-up of a RISC-V program in machine mode, without interrupts. C99.
 *
 * linker.ld gives the symbols. A program that returns from main calls lgn_exit; the one here waits for ever,
 * semihosting.c has one that ends the debugger's session.
 */

#include <stdint.h>

#define LGN_WEAK __attribute__((weak))

extern const uint32_t lgn_data_load[];
extern uint32_t lgn_data_start[];
extern uint32_t lgn_data_end[];
extern uint32_t lgn_bss_start[];
extern uint32_t lgn_bss_end[];

int main(void);
void lgn_exit(int status);
void lgn_start(void);
void Reset_Handler(void);

/* The first instructions: nothing but a stack is needed to run C. */
__attribute__((naked, used, section(".reset"))) void Reset_Handler(void) {
    __asm__ volatile("la sp, lgn_stack_top\n"
                     "j lgn_start");
}

LGN_WEAK void lgn_exit(int status) {
    (void)status;
    for (;;) {
        __asm__ volatile("");
    }
}

/* The loops write through volatile so that no compiler turns them into calls of memcpy and memset. */
__attribute__((used)) void lgn_start(void) {
    const uint32_t *load = lgn_data_load;
    volatile uint32_t *word;

    for (word = lgn_data_start; word != lgn_data_end; ++word) {
        *word = *load++;
    }
    for (word = lgn_bss_start; word != lgn_bss_end; ++word) {
        *word = 0u;
    }
    lgn_exit(main());
}
