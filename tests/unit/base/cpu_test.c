/* The instruction set: known processors, what the operating system withholds, TDB_SIMD. */
#include "base/cpu.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka.h"
#include "tests/support/share.h"
#include "tests/support/skip.h"

#define CPU_XCR0_NONE   0x00u /* no xgetbv: an old kernel or noxsave */
#define CPU_XCR0_SSE    0x03u /* x87 and XMM only */
#define CPU_XCR0_AVX    0x07u
#define CPU_XCR0_AVX512 0xe7u

/* cpuid as dumped from machines (libcpuid's tests/, one file per processor); XCR0 as Linux sets it
 * there, and as a hypervisor or kernel option may leave it. */
static const struct {
    const char *name;
    struct cpu_registers registers;
    enum cpu_level level;
    bool has_vbmi2;
    bool has_vpclmul;
} cpu_rows[] = {
    {"Core 2 P8400: no SSE4.2", {0x0008e3fd, 0, 0, CPU_XCR0_NONE}, CPU_SCALAR, 0, 0},
    {"i7-920: SSE4.2, no PCLMULQDQ", {0x0098e3bd, 0, 0, CPU_XCR0_NONE}, CPU_SCALAR, 0, 0},
    {"i7-980X: both", {0x029ae3bf, 0, 0, CPU_XCR0_NONE}, CPU_SSE42, 0, 0},
    {"i7-2600: AVX, no AVX2", {0x1fbae3ff, 0, 0, CPU_XCR0_AVX}, CPU_SSE42, 0, 0},
    {"i7-4770", {0x7ffafbff, 0x000027ab, 0, CPU_XCR0_AVX}, CPU_AVX2, 0, 0},
    {"i7-4770, YMM not saved", {0x7ffafbff, 0x000027ab, 0, CPU_XCR0_SSE}, CPU_SSE42, 0, 0},
    {"Ryzen 7 1800X", {0x7ed8320b, 0x209c01a9, 0, CPU_XCR0_AVX}, CPU_AVX2, 0, 0},
    {"i9-7900X: no VBMI2", {0x7ffefbbf, 0xd39ffffb, 0, CPU_XCR0_AVX512}, CPU_AVX512, 0, 0},
    {"i9-7900X, ZMM not saved", {0x7ffefbbf, 0xd39ffffb, 0, CPU_XCR0_AVX}, CPU_AVX2, 0, 0},
    {"i9-7900X, ZMM16-31 not saved", {0x7ffefbbf, 0xd39ffffb, 0, 0x67}, CPU_AVX2, 0, 0},
    {"Ryzen 7 7700X", {0x7ef8320b, 0xf1bf97a9, 0x00405fce, CPU_XCR0_AVX512}, CPU_AVX512, 1, 1},
    {"Ryzen 7 7700X, ZMM not saved",
     {0x7ef8320b, 0xf1bf97a9, 0x00405fce, CPU_XCR0_AVX},
     CPU_AVX2,
     0,
     0},
    {"nothing", {0, 0, 0, 0}, CPU_SCALAR, 0, 0},
};

static void cpu_level_of_known_processors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cpu_rows); i++) {
        struct cpu cpu = cpu_of_registers(&cpu_rows[i].registers);
        if (cpu.level != cpu_rows[i].level || cpu.has_avx512_vbmi2 != cpu_rows[i].has_vbmi2 ||
            cpu.has_vpclmul != cpu_rows[i].has_vpclmul) {
            fail_msg("%s: %s", cpu_rows[i].name, cpu_level_name(cpu.level));
        }
    }
}

static void cpu_level_says_which_flags_are_set(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cpu_rows); i++) {
        struct cpu cpu = cpu_of_registers(&cpu_rows[i].registers);
        assert_int_equal(cpu.has_sse42, cpu.level >= CPU_SSE42);
        assert_int_equal(cpu.has_pclmul, cpu.level >= CPU_SSE42);
        assert_int_equal(cpu.has_avx2, cpu.level >= CPU_AVX2);
        assert_int_equal(cpu.has_bmi2, cpu.level >= CPU_AVX2);
        assert_int_equal(cpu.has_avx512, cpu.level >= CPU_AVX512);
    }
}

static void cpu_force_lowers_and_never_raises(void **state)
{
    (void)state;
    static const char *const names[] = {"scalar", "sse42", "avx2", "avx512"};
    struct cpu best = cpu_of_registers(&cpu_rows[10].registers);
    for (enum cpu_level from = CPU_SCALAR; from < CPU_LEVEL_COUNT; from++) {
        struct cpu start = best;
        assert_int_equal(cpu_force(&start, names[from]), ERR_OK);
        assert_int_equal(start.level, from);
        for (enum cpu_level to = CPU_SCALAR; to < CPU_LEVEL_COUNT; to++) {
            struct cpu cpu = start;
            enum err err = cpu_force(&cpu, names[to]);
            assert_int_equal(err, to <= from ? ERR_OK : ERR_UNSUPPORTED);
            assert_int_equal(cpu.level, to <= from ? to : from);
            assert_int_equal(cpu.has_vpclmul, cpu.level == CPU_AVX512);
            assert_int_equal(cpu.has_avx512_vbmi2, cpu.level == CPU_AVX512);
            assert_int_equal(cpu.has_avx2, cpu.level >= CPU_AVX2);
        }
    }
}

static void cpu_force_refuses_unknown_names(void **state)
{
    (void)state;
    static const char *const names[] = {"", "AVX2", "avx", "avx512f", "neon", " scalar"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        struct cpu cpu = cpu_of_registers(&cpu_rows[10].registers);
        assert_int_equal(cpu_force(&cpu, names[i]), ERR_INVALID);
        assert_int_equal(cpu.level, CPU_AVX512);
    }
    expect_assert_failure(cpu_level_name(CPU_LEVEL_COUNT));
}

/* Whether the kernel lists `flag` for the first processor. */
static bool cpu_proc_has(const char *line, const char *flag)
{
    size_t length = strlen(flag);
    for (const char *p = strstr(line, flag); p != NULL; p = strstr(p + 1, flag)) {
        if (p[-1] == ' ' && (p[length] == ' ' || p[length] == '\n')) {
            return true;
        }
    }
    return false;
}

static void cpu_detect_agrees_with_the_kernel(void **state)
{
    (void)state;
    char line[8192] = "";
    FILE *file = fopen("/proc/cpuinfo", "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL &&
           strncmp(line, "flags", 5) != 0) {
    }
    if (file != NULL) {
        fclose(file);
    }
    if (strncmp(line, "flags", 5) != 0) {
        skip_test("cpu_detect_agrees_with_the_kernel", "no flags in /proc/cpuinfo");
    }
    struct cpu cpu;
    cpu_detect(&cpu);
    bool has_sse42 = cpu_proc_has(line, "sse4_2") && cpu_proc_has(line, "pclmulqdq");
    bool has_avx2 = has_sse42 && cpu_proc_has(line, "avx2") && cpu_proc_has(line, "bmi2");
    bool has_avx512 = has_avx2 && cpu_proc_has(line, "avx512f") && cpu_proc_has(line, "avx512bw") &&
                      cpu_proc_has(line, "avx512dq") && cpu_proc_has(line, "avx512vl");
    assert_int_equal(cpu.has_sse42, has_sse42);
    assert_int_equal(cpu.has_avx2, has_avx2);
    assert_int_equal(cpu.has_avx512, has_avx512);
    assert_int_equal(cpu.has_avx512_vbmi2, has_avx512 && cpu_proc_has(line, "avx512_vbmi2"));
    assert_int_equal(cpu.has_vpclmul, has_avx512 && cpu_proc_has(line, "vpclmulqdq"));
}

/* Property: taking a bit from any register never gives an instruction. */
static void cpu_case(uint64_t seed)
{
    uint64_t x = seed * 0x9e3779b97f4a7c15u;
    struct cpu_registers more = cpu_rows[10].registers;
    more.leaf1_ecx |= (uint32_t)x;
    more.leaf7_ebx |= (uint32_t)(x >> 13);
    struct cpu_registers less = more;
    unsigned bit = (unsigned)(seed % 128);
    less.leaf1_ecx &= ~(bit < 32 ? 1u << bit : 0u);
    less.leaf7_ebx &= ~(bit / 32 == 1 ? 1u << (bit - 32) : 0u);
    less.leaf7_ecx &= ~(bit / 32 == 2 ? 1u << (bit - 64) : 0u);
    less.xcr0 &= ~(bit / 32 == 3 ? (uint64_t)1 << (bit - 96) : 0u);
    struct cpu a = cpu_of_registers(&more);
    struct cpu b = cpu_of_registers(&less);
    bool is_less = b.level <= a.level && b.has_vpclmul <= a.has_vpclmul &&
                   b.has_avx512_vbmi2 <= a.has_avx512_vbmi2;
    if (a.level != CPU_AVX512 || !is_less) {
        fail_msg("seed %llu", (unsigned long long)seed);
    }
}

static void cpu_without_a_bit_has_no_more_instructions(void **state)
{
    (void)state;
    struct share share = share_open("one bit less", 10);
    while (share_more(&share)) {
        cpu_case(share_case_seed(&share));
    }
    share_close(&share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_level_of_known_processors),
        cmocka_unit_test(cpu_level_says_which_flags_are_set),
        cmocka_unit_test(cpu_force_lowers_and_never_raises),
        cmocka_unit_test(cpu_force_refuses_unknown_names),
        cmocka_unit_test(cpu_detect_agrees_with_the_kernel),
        cmocka_unit_test(cpu_without_a_bit_has_no_more_instructions),
    };
    return cmocka_run_group_tests_name("base_cpu", tests, NULL, NULL);
}
