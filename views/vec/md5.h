/* MD5 (RFC 1321), as PostgreSQL's md5() has it: to compare with, not to protect anything. Pure. */
#ifndef VIEWS_VEC_MD5_H
#define VIEWS_VEC_MD5_H

#include <stddef.h>

#include "base/bytes.h"

/* Write the 32 hexadecimal digits of the MD5 of `length` bytes at `data` (may be NULL when 0). */
void vec_md5_write(struct bytes_writer *w, const void *data, size_t length);

#endif
