/* SPDX-License-Identifier: MIT-0 */
/* The functions that compilers call although nobody wrote a call: for programs that link no C library.
 *
 * All weak: a C library that is linked as well wins. Short and simple, a byte at a time.
 */

#include <stddef.h>

#define LGN_WEAK __attribute__((weak))

/* Without this GCC would turn the loop inside memcpy into a call of memcpy. Clang knows by the function's name. */
#if defined(__GNUC__) && !defined(__clang__)
#define LGN_AS_WRITTEN __attribute__((weak, optimize("no-tree-loop-distribute-patterns")))
#else
#define LGN_AS_WRITTEN LGN_WEAK
#endif

void *memcpy(void *restrict target, const void *restrict source, size_t n);
void *memmove(void *target, const void *source, size_t n);
void *memset(void *target, int value, size_t n);
int memcmp(const void *left, const void *right, size_t n);

LGN_AS_WRITTEN void *memcpy(void *restrict target, const void *restrict source, size_t n) {
    unsigned char *to = target;
    const unsigned char *from = source;

    while (n-- > 0u) {
        *to++ = *from++;
    }
    return target;
}

LGN_AS_WRITTEN void *memmove(void *target, const void *source, size_t n) {
    unsigned char *to = target;
    const unsigned char *from = source;

    if (to <= from) {
        while (n-- > 0u) {
            *to++ = *from++;
        }
    } else {
        while (n-- > 0u) {
            to[n] = from[n];
        }
    }
    return target;
}

LGN_AS_WRITTEN void *memset(void *target, int value, size_t n) {
    unsigned char *to = target;

    while (n-- > 0u) {
        *to++ = (unsigned char)value;
    }
    return target;
}

LGN_AS_WRITTEN int memcmp(const void *left, const void *right, size_t n) {
    const unsigned char *a = left;
    const unsigned char *b = right;

    for (; n > 0u; --n, ++a, ++b) {
        if (*a != *b) {
            return *a < *b ? -1 : 1;
        }
    }
    return 0;
}

/* The same by the names of the Arm run-time ABI; memset takes its length second, and the aligned ones are the same. */
#define LGN_COPY(name, function)                              \
    void name(void *target, const void *source, size_t n);    \
    LGN_WEAK void name(void *target, const void *source, size_t n) { \
        (void)function(target, source, n);                    \
    }

#define LGN_SET(name)                              \
    void name(void *target, size_t n, int value);  \
    LGN_WEAK void name(void *target, size_t n, int value) { \
        (void)memset(target, value, n);            \
    }

#define LGN_CLEAR(name)                 \
    void name(void *target, size_t n);  \
    LGN_WEAK void name(void *target, size_t n) { \
        (void)memset(target, 0, n);     \
    }

#if defined(__arm__)
LGN_COPY(__aeabi_memcpy, memcpy)
LGN_COPY(__aeabi_memcpy4, memcpy)
LGN_COPY(__aeabi_memcpy8, memcpy)
LGN_COPY(__aeabi_memmove, memmove)
LGN_COPY(__aeabi_memmove4, memmove)
LGN_COPY(__aeabi_memmove8, memmove)
LGN_SET(__aeabi_memset)
LGN_SET(__aeabi_memset4)
LGN_SET(__aeabi_memset8)
LGN_CLEAR(__aeabi_memclr)
LGN_CLEAR(__aeabi_memclr4)
LGN_CLEAR(__aeabi_memclr8)
#endif
