/* The instruction set, chosen once at start. Folders keep their own kernels (checksums here,
 * columns in views/simd) in static const tables and pick one of them by this description; nothing
 * looks at cpuid again.
 *
 * Levels are cumulative: a machine of one level runs the kernels of every lower one. */
#ifndef BASE_CPU_H
#define BASE_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* The levels kernels are written for, and what TDB_SIMD calls them. */
enum cpu_level {
    CPU_SCALAR, /* "scalar": plain C, on any machine, the reference for the others */
    CPU_SSE42,  /* "sse42": SSE4.2 with PCLMULQDQ (Westmere 2010, Bulldozer 2011) */
    CPU_AVX2,   /* "avx2": the above, AVX2 and BMI2 (Haswell 2013, Zen 2017) */
    CPU_AVX512, /* "avx512": the above, AVX-512 F, BW, DQ and VL (Skylake-X 2017, Zen 4 2022) */
    CPU_LEVEL_COUNT
};

/* What this machine may be asked to run. A flag is set only where both the processor has the
 * instructions and the operating system saves their registers. */
struct cpu {
    enum cpu_level level;  /* the highest level all of whose instructions are there */
    bool has_sse42;        /* SSE4.2: crc32 instruction */
    bool has_pclmul;       /* PCLMULQDQ: carry-less product of two 64-bit values */
    bool has_avx2;         /* AVX2: 256-bit integer vectors */
    bool has_bmi2;         /* BMI2: pdep, pext, mulx */
    bool has_avx512;       /* AVX-512 F, BW, DQ and VL, all four */
    bool has_avx512_vbmi2; /* AVX-512 VBMI2: byte and word compress and expand */
    bool has_vpclmul;      /* VPCLMULQDQ: four carry-less products in 512 bits; with has_avx512 */
};

/* The registers cpu_detect reads, apart so that the decision is a pure function of them. */
struct cpu_registers {
    uint32_t leaf1_ecx; /* cpuid(1).ecx */
    uint32_t leaf7_ebx; /* cpuid(7, 0).ebx; 0 where the processor has no leaf 7 */
    uint32_t leaf7_ecx; /* cpuid(7, 0).ecx; likewise */
    uint64_t xcr0;      /* xgetbv(0): register states the OS saves; 0 where OSXSAVE is not set */
};

/* Fill `out` from this machine's cpuid and xgetbv. On other architectures than x86-64: CPU_SCALAR
 * and no flag. */
void cpu_detect(struct cpu *out);

/* What `registers` allow. Source: Intel SDM vol. 2A, CPUID; vol. 1, 13.3 (XCR0) and 15.2 (detection
 * of AVX-512). */
struct cpu cpu_of_registers(const struct cpu_registers *registers);

/* Lower `cpu` to the level called `name` (the value of TDB_SIMD, which main hands in): flags above
 * that level are cleared, so that every folder chooses accordingly. ERR_INVALID for an unknown
 * name, ERR_UNSUPPORTED when `cpu` is below that level; `cpu` is then unchanged. */
MUST_USE enum err cpu_force(struct cpu *cpu, const char *name);

/* "scalar", "sse42", "avx2" or "avx512". Static storage. */
const char *cpu_level_name(enum cpu_level level);

#endif
