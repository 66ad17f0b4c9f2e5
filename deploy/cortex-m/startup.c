/* SPDX-License-Identifier: MIT-0 */
/* Start-up of a Cortex-M program: vector table and reset. C99, for M0, M0+, M3, M4, M7, M33 and later cores.
 *
 * linker.ld gives the symbols. A program that returns from main calls lgn_exit; the one here waits for ever,
 * semihosting.c has one that ends the debugger's session.
 */

#include <stdint.h>

typedef void (*lgn_handler)(void);

typedef struct {
    const void *stack;
    lgn_handler handlers[15];
} lgn_vectors;

extern uint32_t lgn_stack_top[];
extern const uint32_t lgn_data_load[];
extern uint32_t lgn_data_start[];
extern uint32_t lgn_data_end[];
extern uint32_t lgn_bss_start[];
extern uint32_t lgn_bss_end[];

int main(void);
void lgn_exit(int status);
void Reset_Handler(void);
void Default_Handler(void);

#define LGN_WEAK __attribute__((weak))
#define LGN_DEFAULT __attribute__((weak, alias("Default_Handler")))

/* A fault or an unexpected interrupt stays here, where a debugger finds it. */
void Default_Handler(void) {
    for (;;) {
        __asm__ volatile("");
    }
}

LGN_DEFAULT void NMI_Handler(void);
LGN_DEFAULT void HardFault_Handler(void);
LGN_DEFAULT void MemManage_Handler(void);
LGN_DEFAULT void BusFault_Handler(void);
LGN_DEFAULT void UsageFault_Handler(void);
LGN_DEFAULT void SecureFault_Handler(void);
LGN_DEFAULT void SVC_Handler(void);
LGN_DEFAULT void DebugMon_Handler(void);
LGN_DEFAULT void PendSV_Handler(void);
LGN_DEFAULT void SysTick_Handler(void);

/* The exceptions of the architecture. Add a chip's interrupts behind them when a program uses them. */
__attribute__((section(".vectors"), used)) const lgn_vectors lgn_vector_table = {
    lgn_stack_top,
    {
        Reset_Handler,
        NMI_Handler,
        HardFault_Handler,
        MemManage_Handler,
        BusFault_Handler,
        UsageFault_Handler,
        SecureFault_Handler,
        0,
        0,
        0,
        SVC_Handler,
        DebugMon_Handler,
        0,
        PendSV_Handler,
        SysTick_Handler,
    },
};

#if defined(__ARM_FP)
/* The floating-point unit is off after a reset: CPACR gives full access to coprocessors 10 and 11. */
static void enable_fpu(void) {
    volatile uint32_t *cpacr = (volatile uint32_t *)0xE000ED88u;
    *cpacr |= 0xFu << 20;
    __asm__ volatile("dsb\n isb" ::: "memory");
}
#endif

LGN_WEAK void lgn_exit(int status) {
    (void)status;
    Default_Handler();
}

/* The loops write through volatile so that no compiler turns them into calls of memcpy and memset. */
void Reset_Handler(void) {
    const uint32_t *load = lgn_data_load;
    volatile uint32_t *word;

#if defined(__ARM_FP)
    enable_fpu();
#endif
    for (word = lgn_data_start; word != lgn_data_end; ++word) {
        *word = *load++;
    }
    for (word = lgn_bss_start; word != lgn_bss_end; ++word) {
        *word = 0u;
    }
    lgn_exit(main());
}
