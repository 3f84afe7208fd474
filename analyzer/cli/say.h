/* SPDX-License-Identifier: MIT
 *
 * What people read on standard error, and the name nearest to an unknown one.
 */
#ifndef TCA_CLI_SAY_H
#define TCA_CLI_SAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <tcpautopsy/error.h>

/* "tcpautopsy: ..." with a line end. Control characters of arguments are printed as \xNN. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "tcpautopsy: FILE: what happened (packet N, byte OFFSET): what to do"; `file` may be NULL. */
void say_error(const char *file, const struct tca_error *error);
/* "tcpautopsy: PATH: WHAT: why" by errno, which stays as it is; and where the sandbox is the reason, that it is. `writing`: this or
 * reading failed. */
void say_failed(const char *path, const char *what, bool writing);
/* A text with its control characters as \xNN. */
void put_clean(FILE *to, const char *text);

/* A search for the name nearest to a word. */
struct nearest {
    const char *word, *best; /* borrowed; best is NULL while none is near */
    size_t distance;
};
struct nearest nearest_to(const char *word);
void nearest_offer(struct nearest *near, const char *name);

#endif
