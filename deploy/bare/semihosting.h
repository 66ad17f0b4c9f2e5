/* SPDX-License-Identifier: MIT-0 */
/* Output and exit through a debugger or an emulator: no pins, no serial port.
 *
 * Without one of them attached, the breakpoint instruction is a HardFault: for tests and examples, not for products.
 */

#ifndef LGN_SEMIHOSTING_H
#define LGN_SEMIHOSTING_H

#include <stdint.h>

/* Prints a text that ends with a zero byte. */
void lgn_print(const char *text);

/* Prints one character. */
void lgn_print_character(char character);

/* Prints a number in decimal. */
void lgn_print_number(int32_t number);

/* Ends the program; 0 is success. */
void lgn_exit(int status);

#endif
