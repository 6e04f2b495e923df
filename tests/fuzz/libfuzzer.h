/* What a target says to libFuzzer itself; driver.c does not ask. */
#ifndef TESTS_FUZZ_LIBFUZZER_H
#define TESTS_FUZZ_LIBFUZZER_H

#include "base/compiler.h"

/* libFuzzer's: called once, first of all, with its own command line, which may be changed. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Put `option` before what the caller says, who may so say otherwise. It stays the target's. */
static inline void libfuzzer_option(int *argc, char ***argv, char *option)
{
    static char *args[64];
    if (*argc + 1 < (int)ARRAY_COUNT(args)) {
        for (int i = *argc; i > 0; i--) {
            args[i] = i > 1 ? (*argv)[i - 1] : option;
        }
        args[0] = (*argv)[0];
        args[++*argc] = NULL;
        *argv = args;
    }
}

#endif
