/* The instruction set. See cpu.h.
 *
 * A processor that has AVX is not enough: without the operating system's support (XCR0) the upper
 * register halves are lost on a context switch, and the instructions fault. Both are asked. */
#include "base/cpu.h"

#include <string.h>

#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "base/assert.h"

/* Bits of cpuid, Intel SDM vol. 2A, tables 3-10 and 3-8. */
#define CPU_LEAF1_ECX_PCLMULQDQ  (1u << 1)
#define CPU_LEAF1_ECX_SSE42      (1u << 20)
#define CPU_LEAF1_ECX_OSXSAVE    (1u << 27)
#define CPU_LEAF7_EBX_AVX2       (1u << 5)
#define CPU_LEAF7_EBX_BMI2       (1u << 8)
#define CPU_LEAF7_EBX_AVX512F    (1u << 16)
#define CPU_LEAF7_EBX_AVX512DQ   (1u << 17)
#define CPU_LEAF7_EBX_AVX512BW   (1u << 30)
#define CPU_LEAF7_EBX_AVX512VL   (1u << 31)
#define CPU_LEAF7_ECX_VBMI2      (1u << 6)
#define CPU_LEAF7_ECX_VPCLMULQDQ (1u << 10)

/* States of XCR0: XMM and YMM for AVX; opmask and both parts of ZMM besides for AVX-512. */
#define CPU_XCR0_AVX    0x06u
#define CPU_XCR0_AVX512 0xe6u

static const char *const cpu_level_names[CPU_LEVEL_COUNT] = {
    [CPU_SCALAR] = "scalar",
    [CPU_SSE42] = "sse42",
    [CPU_AVX2] = "avx2",
    [CPU_AVX512] = "avx512",
};

static enum cpu_level cpu_level_of_flags(const struct cpu *cpu);
static void cpu_lower(struct cpu *cpu, enum cpu_level level);
static bool cpu_has_all(uint64_t value, uint64_t bits);

void cpu_detect(struct cpu *out)
{
    struct cpu_registers registers = {0};
#ifdef __x86_64__
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx)) {
        registers.leaf1_ecx = ecx;
    }
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
        registers.leaf7_ebx = ebx;
        registers.leaf7_ecx = ecx;
    }
    if (cpu_has_all(registers.leaf1_ecx, CPU_LEAF1_ECX_OSXSAVE)) {
        uint32_t low;
        uint32_t high;
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        registers.xcr0 = (uint64_t)high << 32 | low;
    }
#endif
    *out = cpu_of_registers(&registers);
}

struct cpu cpu_of_registers(const struct cpu_registers *registers)
{
    bool is_avx_saved = cpu_has_all(registers->xcr0, CPU_XCR0_AVX);
    bool is_avx512_saved = cpu_has_all(registers->xcr0, CPU_XCR0_AVX512);
    uint32_t avx512 = CPU_LEAF7_EBX_AVX512F | CPU_LEAF7_EBX_AVX512DQ | CPU_LEAF7_EBX_AVX512BW |
                      CPU_LEAF7_EBX_AVX512VL;
    struct cpu cpu = {0};
    cpu.has_sse42 = cpu_has_all(registers->leaf1_ecx, CPU_LEAF1_ECX_SSE42);
    cpu.has_pclmul = cpu_has_all(registers->leaf1_ecx, CPU_LEAF1_ECX_PCLMULQDQ);
    cpu.has_bmi2 = cpu_has_all(registers->leaf7_ebx, CPU_LEAF7_EBX_BMI2);
    cpu.has_avx2 = is_avx_saved && cpu_has_all(registers->leaf7_ebx, CPU_LEAF7_EBX_AVX2);
    cpu.has_avx512 = is_avx512_saved && cpu_has_all(registers->leaf7_ebx, avx512);
    cpu.has_avx512_vbmi2 = cpu.has_avx512 && cpu_has_all(registers->leaf7_ecx, CPU_LEAF7_ECX_VBMI2);
    cpu.has_vpclmul = cpu.has_avx512 && cpu_has_all(registers->leaf7_ecx, CPU_LEAF7_ECX_VPCLMULQDQ);
    cpu_lower(&cpu, cpu_level_of_flags(&cpu));
    return cpu;
}

enum err cpu_force(struct cpu *cpu, const char *name)
{
    for (enum cpu_level level = CPU_SCALAR; level < CPU_LEVEL_COUNT; level++) {
        if (strcmp(name, cpu_level_names[level]) == 0) {
            if (level > cpu->level) {
                return ERR_UNSUPPORTED;
            }
            cpu_lower(cpu, level);
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

const char *cpu_level_name(enum cpu_level level)
{
    ASSERT(level < CPU_LEVEL_COUNT);
    return cpu_level_names[level];
}

static enum cpu_level cpu_level_of_flags(const struct cpu *cpu)
{
    if (!cpu->has_sse42 || !cpu->has_pclmul) {
        return CPU_SCALAR;
    }
    if (!cpu->has_avx2 || !cpu->has_bmi2) {
        return CPU_SSE42;
    }
    return cpu->has_avx512 ? CPU_AVX512 : CPU_AVX2;
}

/* Clear every flag that `level` does not promise: a kernel is chosen by flags, and a level means
 * the same flags on every machine but for the two extras of AVX-512. */
static void cpu_lower(struct cpu *cpu, enum cpu_level level)
{
    cpu->level = level;
    cpu->has_sse42 = level >= CPU_SSE42;
    cpu->has_pclmul = level >= CPU_SSE42;
    cpu->has_avx2 = level >= CPU_AVX2;
    cpu->has_bmi2 = level >= CPU_AVX2;
    cpu->has_avx512 = level >= CPU_AVX512;
    cpu->has_avx512_vbmi2 = cpu->has_avx512_vbmi2 && level >= CPU_AVX512;
    cpu->has_vpclmul = cpu->has_vpclmul && level >= CPU_AVX512;
}

static bool cpu_has_all(uint64_t value, uint64_t bits)
{
    return (value & bits) == bits;
}
