/* SPDX-License-Identifier: MIT-0 */
/* Where a function that an emulator calls returns to: a breakpoint is set here. Linked into no program. */

void lgn_emulator_exit(void);

__attribute__((used)) void lgn_emulator_exit(void) {
    for (;;) {
        __asm__ volatile("");
    }
}

#if defined(__AVR__)
/* Cycles of a function: its address and that of lgn_emulator_stop are on the stack, r26 sets timer 1's prescaler and r1
 * is zero. r18 and r19 are the timer when it is back. TCCR1B, TCNT1L and TCNT1H are at 0x81, 0x84 and 0x85. */
void lgn_emulator_timed(void);
void lgn_emulator_stop(void);
void lgn_emulator_nothing(void);

__attribute__((naked, used)) void lgn_emulator_timed(void) {
    __asm__ volatile("sts 0x81, r26\n"
                     "sts 0x85, r1\n"
                     "sts 0x84, r1\n"
                     "ret");
}

__attribute__((naked, used)) void lgn_emulator_stop(void) {
    __asm__ volatile("lds r18, 0x84\n"
                     "lds r19, 0x85\n"
                     "sts 0x81, r1\n"
                     "jmp lgn_emulator_exit");
}

__attribute__((naked, used)) void lgn_emulator_nothing(void) {
    __asm__ volatile("ret");
}
#endif
