/* SPDX-License-Identifier: MIT-0 */
/* Semihosting: an operation and its argument in the first two argument registers, then a breakpoint that the debugger
 * knows. On Arm cores that execute Thumb it is bkpt 0xAB; on RISC-V an ebreak between two shifts that do nothing. */

#include "semihosting.h"

enum {
    SYS_WRITEC = 0x03,
    SYS_WRITE0 = 0x04,
    SYS_EXIT_EXTENDED = 0x20,
    APPLICATION_EXIT = 0x20026
};

#if defined(__riscv)
#define FIRST "a0"
#define SECOND "a1"
#define TRAP ".option push\n.option norvc\n.balign 16\nslli x0, x0, 31\nebreak\nsrai x0, x0, 7\n.option pop"
#else
#define FIRST "r0"
#define SECOND "r1"
#define TRAP "bkpt 0xAB"
#endif

static void semihosting(uint32_t operation, const void *argument) {
    register uint32_t first __asm__(FIRST) = operation;
    register const void *second __asm__(SECOND) = argument;
    __asm__ volatile(TRAP : "+r"(first) : "r"(second) : "memory");
}

void lgn_print(const char *text) {
    semihosting(SYS_WRITE0, text);
}

void lgn_print_character(char character) {
    semihosting(SYS_WRITEC, &character);
}

/* Divides by subtracting, for cores without a divider: no helper of the compiler is needed. */
void lgn_print_number(int32_t number) {
    static const uint32_t powers[] = {1000000000u, 100000000u, 10000000u, 1000000u, 100000u,
                                      10000u,      1000u,      100u,      10u,      1u};
    uint32_t rest = number < 0 ? 0u - (uint32_t)number : (uint32_t)number;
    char text[12];
    unsigned length = 0;
    unsigned place;

    if (number < 0) {
        text[length++] = '-';
    }
    for (place = 0; place < sizeof powers / sizeof powers[0]; ++place) {
        uint32_t digit = 0;
        for (; rest >= powers[place]; rest -= powers[place]) {
            ++digit;
        }
        if (digit != 0u || length > (number < 0 ? 1u : 0u) || powers[place] == 1u) {
            text[length++] = (char)('0' + (char)digit);
        }
    }
    text[length] = '\0';
    lgn_print(text);
}

void lgn_exit(int status) {
    uint32_t block[2];

    block[0] = APPLICATION_EXIT;
    block[1] = (uint32_t)status;
    for (;;) {
        semihosting(SYS_EXIT_EXTENDED, block);
    }
}
