/* SPDX-License-Identifier: MIT
 *
 * A capture cut into files tells what it tells as one.
 */
#ifndef TEST_FUZZ_SPLIT_H
#define TEST_FUZZ_SPLIT_H

#include "fuzz.h"

/* { pieces u8, place u8 for each cut, script }: the first capture of a script (shape.h) is written to files, whole and in up to eight
 * pieces, and both are read as a user names them; stops the program where the tables of the pieces, with captures, frames and ids as
 * of the whole, are others. */
void fuzz_split(struct fuzz_bytes *in, bool filtered);

#endif
