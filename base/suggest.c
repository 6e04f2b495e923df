/* Nearest known name. See suggest.h. */
#include "base/suggest.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"

static size_t suggest_distance(const char *a, const char *b);
static size_t suggest_min(size_t a, size_t b);

const char *suggest_nearest(const char *name, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    size_t distance_max = strlen(name) / 3 + 1;
    for (size_t i = 0; i < count; i++) {
        size_t distance = suggest_distance(name, candidates[i]);
        if (distance < distance_max + (nearest == NULL)) {
            nearest = candidates[i];
            distance_max = distance;
        }
    }
    return nearest;
}

/* Optimal string alignment over three rows. Names over the limit are as far as can be. */
static size_t suggest_distance(const char *a, const char *b)
{
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    if (a_length > SUGGEST_NAME_BYTES_MAX || b_length > SUGGEST_NAME_BYTES_MAX) {
        return SIZE_MAX / 2;
    }
    size_t rows[3][SUGGEST_NAME_BYTES_MAX + 1]; /* row i lives in rows[i % 3] */
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            int x = tolower((unsigned char)a[i - 1]);
            int y = tolower((unsigned char)b[j - 1]);
            size_t best = suggest_min(above[j] + 1, row[j - 1] + 1);
            best = suggest_min(best, above[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2])) {
                best = suggest_min(best, rows[(i - 2) % 3][j - 2] + 1);
            }
            row[j] = best;
        }
    }
    return rows[a_length % 3][b_length];
}

static size_t suggest_min(size_t a, size_t b)
{
    return a < b ? a : b;
}
