/* The error table and its look-ups. See err.h. */
#include "base/err.h"

#include <stdio.h>

#include "base/assert.h"

static const struct {
    const char *name;
    const char *text;
    bool is_retriable;
} err_rows[ERR_COUNT] = {
#define ERR_ROW(name, retriable, text) [ERR_##name] = {#name, text, retriable},
    ERR_TABLE(ERR_ROW)
#undef ERR_ROW
};

static bool err_is_known(enum err err)
{
    return (unsigned)err < (unsigned)ERR_COUNT;
}

const char *err_name(enum err err)
{
    return err_is_known(err) ? err_rows[err].name : "UNKNOWN";
}

const char *err_text(enum err err)
{
    return err_is_known(err) ? err_rows[err].text : "unknown error";
}

bool err_is_retriable(enum err err)
{
    return err_is_known(err) && err_rows[err].is_retriable;
}

enum err err_record(struct err_info *info, enum err err, int saved_errno, const char *file,
                    int line, uint64_t a, uint64_t b)
{
    ASSERT(err != ERR_OK);
    *info = (struct err_info){
        .err = err, .saved_errno = saved_errno, .file = file, .line = line, .a = a, .b = b};
    return err;
}

size_t err_info_format(const struct err_info *info, char *out, size_t out_bytes)
{
    ASSERT(out_bytes >= 1);
    int length =
        snprintf(out, out_bytes, "%s: %s (%s:%d, errno %d, %llu, %llu)", err_name(info->err),
                 err_text(info->err), info->file ? info->file : "-", info->line, info->saved_errno,
                 (unsigned long long)info->a, (unsigned long long)info->b);
    ASSERT(length >= 0);
    return (size_t)length < out_bytes ? (size_t)length : out_bytes - 1;
}
