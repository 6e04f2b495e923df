/* How much room characters take on a terminal. Tables, the same in every locale. */
#ifndef BASE_WIDTH_H
#define BASE_WIDTH_H

#include <stddef.h>
#include <stdint.h>

/* Columns that the character of that code point takes, controls aside: 0 (combining marks, joiners,
 * variation selectors), 1 or 2 (Unicode's East Asian Width W and F, neighbours joined). */
uint32_t width_of_point(uint32_t point);

/* Columns that `length` bytes of UTF-8 take, one for each byte that is none or a control. */
size_t width_of_text(const char *text, size_t length);

#endif
