/* SPDX-License-Identifier: MIT
 *
 * How a function that can fail says so: a code, and words for a person.
 */
#ifndef TCA_BASE_FAIL_H
#define TCA_BASE_FAIL_H

#include <tcpautopsy/error.h>

/* Fill *error, which may be NULL; returns the code. The words are made of other memory than *error's. */
int tca_fail(struct tca_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, of this byte of an input. */
int tca_fail_at(struct tca_error *error, int code, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same, for want of memory. */
int tca_fail_memory(struct tca_error *error);

#endif
