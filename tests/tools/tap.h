/* SPDX-License-Identifier: MIT
 *
 * Test Anything Protocol, as far as these tests print it themselves.
 */
#ifndef TEST_TOOLS_TAP_H
#define TEST_TOOLS_TAP_H

#include "base/buf.h"

/* The first line of `text`, without number signs: they would begin a directive. */
void tap_name(const char *text);
/* The lines of a buffer as comments. */
void tap_comment(const struct tca_buf *text);

/* Run `test` in a process of its own, so that a crash or a leak is one failed test and not the end of the
 * others. 0 if it returned; else -1 after a line of TAP, numbered `number` + 1, that says how `name` ended.
 * `number` may be counted up by the test if it is in shared memory, see tap_shared(). */
int tap_apart(void (*test)(void *user), void *user, const char *name, unsigned *number);
/* Zeroed memory that such processes share; NULL if there is none. Never freed: it lasts as long as the
 * program. */
void *tap_shared(size_t size);

#endif
