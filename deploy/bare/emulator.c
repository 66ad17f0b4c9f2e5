/* Where a function that an emulator calls returns to: a breakpoint is set here. Linked into no program. */

void lgn_emulator_exit(void);

__attribute__((used)) void lgn_emulator_exit(void) {
    for (;;) {
        __asm__ volatile("");
    }
}
