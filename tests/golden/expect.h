/* SPDX-License-Identifier: MIT
 *
 * Expectations of a case: the lines of expect.txt, and whether what the library said meets them.
 */
#ifndef TEST_GOLDEN_EXPECT_H
#define TEST_GOLDEN_EXPECT_H

#include "table.h"

/* What was said about one case. */
struct said {
    struct table flows, events, listeners, captures;
};

enum { EXPECT_WORD_MAX = 160, EXPECT_TEXT_MAX = 400 };

struct expectation {
    unsigned line;
    char text[EXPECT_TEXT_MAX]; /* as written */
    char gap[EXPECT_TEXT_MAX];  /* why it is not met yet; "" if it must be */
    int kind;                   /* index in the table of forms */
    char port[EXPECT_WORD_MAX]; /* PORT or PORT#N */
    char id[EXPECT_WORD_MAX];   /* finding, or column */
    char value[EXPECT_TEXT_MAX];
    const char *confidence; /* NULL: any */
    long count;             /* rows, or times; -1: any */
};

struct expectations {
    struct expectation *list; /* owned */
    size_t count;
};

/* Read expect.txt from `text`. False with words in *why when a line says nothing known. */
bool expect_parse(const char *text, size_t length, struct expectations *ret_expect, struct tca_buf *why);
void expect_done(struct expectations *expect);

/* True if it is met; else words, one line without newline, in *why. */
bool expect_met(const struct expectation *e, const struct said *said, struct tca_buf *why);

#endif
