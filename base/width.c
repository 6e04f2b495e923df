/* See width.h. */
#include "base/width.h"

#include <stdbool.h>

#include "base/compiler.h"
#include "base/json.h"

/* A range of code points. */
struct width_range {
    uint32_t first; /* the first */
    uint32_t last;  /* and the last */
};

static const struct width_range width_wide[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
    {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xa960, 0xa97c},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
    {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

static const struct width_range width_none[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x064b, 0x065f}, {0x0e34, 0x0e3a},
    {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f}, {0x2060, 0x2064},
    {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
};

static bool width_is_in(uint32_t point, const struct width_range *ranges, size_t count);

uint32_t width_of_point(uint32_t point)
{
    if (width_is_in(point, width_none, ARRAY_COUNT(width_none))) {
        return 0;
    }
    return width_is_in(point, width_wide, ARRAY_COUNT(width_wide)) ? 2 : 1;
}

size_t width_of_text(const char *text, size_t length)
{
    size_t columns = 0;
    for (size_t pos = 0; pos < length;) {
        const unsigned char *at = (const unsigned char *)text + pos;
        uint32_t more = at[0] >= 0xf0 ? 3 : at[0] >= 0xe0 ? 2 : at[0] >= 0xc0 ? 1 : 0;
        if (more == 0 || length - pos <= more || !json_is_utf8(at, more + 1)) {
            columns++;
            pos++;
            continue;
        }
        uint32_t point = at[0] & (0x3fu >> more);
        for (uint32_t i = 1; i <= more; i++) {
            point = point << 6 | (at[i] & 0x3f);
        }
        columns += width_of_point(point);
        pos += more + 1;
    }
    return columns;
}

static bool width_is_in(uint32_t point, const struct width_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (point >= ranges[i].first && point <= ranges[i].last) {
            return true;
        }
    }
    return false;
}
