/* SPDX-License-Identifier: MIT
 *
 * Reading and writing at a place. A call may do less than was asked for, and a signal may end it before it did anything, on some
 * file systems more than on others; what looks at the first bytes of a file must not see another file for that.
 */
#ifndef TCA_BASE_WHOLE_H
#define TCA_BASE_WHOLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* So many bytes of a file that can be read anywhere, fewer only at its end. -1: errno; no position is moved. */
ssize_t tca_read_at(int file, void *bytes, size_t count, uint64_t at);
/* All of them. 0, or -1: errno. */
int tca_write_at(int file, const void *bytes, size_t count, uint64_t at);

#endif
