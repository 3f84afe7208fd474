/* SPDX-License-Identifier: MIT
 *
 * libpcap as the oracle of our readers: one file read by both, side by side, record by record, to the end of either.
 * Where one of them may stop sooner is a list of named rules.
 */
#ifndef TEST_TOOLS_ORACLE_H
#define TEST_TOOLS_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

struct oracle {
    unsigned packets; /* that both have read */
    int ours;         /* enum tca_read: what we came to */
    char words[256];  /* libpcap's, where it failed; else "" */
    char differ[800]; /* "": nothing did */
};

/* Read a file of a kind that has a reader, in batches of at most `room` <= 256 records. False where it cannot be opened or
 * has none. */
bool oracle_compare(const char *name, size_t room, struct oracle *ret);

#endif
