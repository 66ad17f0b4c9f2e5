/* PTX executed thread by thread, with every access checked: what the driver of the tests runs kernels with. */
#ifndef TESTS_CUDA_PTX_H
#define TESTS_CUDA_PTX_H

#include <stddef.h>
#include <stdint.h>

typedef struct ptx_module ptx_module;
typedef struct ptx_kernel ptx_kernel;

typedef struct {
    uint32_t grid[3], block[3];
    uint32_t shared; /* bytes, besides those that the kernel declares */
    uint32_t capability; /* of shared memory, for a block */
} ptx_grid;

/* What a run of a kernel ends with. */
enum { PTX_OK, PTX_ADDRESS, PTX_MISALIGNED, PTX_BARRIER, PTX_ENDLESS };

/* The memory behind `size` bytes at a global address, or NULL where they are not inside one allocation. */
typedef uint8_t *(*ptx_memory)(uint64_t address, size_t size);

/* Parses a module; NULL and a sentence in `error` where something is not known. */
ptx_module *ptx_load(const char *text, char *error, size_t room);
void ptx_unload(ptx_module *module);
unsigned ptx_architecture(const ptx_module *module); /* 75 of sm_75 */
unsigned ptx_version(const ptx_module *module); /* 63 of 6.3 */

const ptx_kernel *ptx_find(const ptx_module *module, const char *name);
const char *ptx_name(const ptx_kernel *kernel);
uint32_t ptx_shared(const ptx_kernel *kernel); /* bytes that it declares */
size_t ptx_parameter_bytes(const ptx_kernel *kernel);

/* Copies arguments as the driver takes them, a pointer to each, to where a run reads them. */
void ptx_arguments(const ptx_kernel *kernel, void **arguments, uint8_t *output);

/* Runs all blocks, the threads of every other block in reverse order; returns a PTX_ and a sentence in `error`. */
int ptx_run(const ptx_kernel *kernel, const ptx_grid *grid, const uint8_t *arguments, ptx_memory memory, char *error,
            size_t room);

#endif
