/* SPDX-License-Identifier: MIT
 *
 * What every fuzz target is made of (docs/fuzzing.md): one function that takes any bytes at all, and stops the program where
 * the analyzer breaks one of its promises. Linked with libFuzzer it hunts; with replay.c it is an ordinary test over a corpus.
 *
 *     bytes --> struct fuzz_bytes: numbers for the asking, zeros at the end
 *           --> struct fuzz_file: a file in memory, by a name that anything can open
 */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <tcpautopsy/session.h>

#include "base/buf.h"

/* The target; the name is libFuzzer's. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* A promise that does not hold: words, then abort(), which libFuzzer and a test runner see alike. */
__attribute__((format(printf, 1, 2), noreturn)) void fuzz_fail(const char *format, ...);
#define FUZZ_REQUIRE(condition, ...)                                                                         \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            fuzz_fail(__VA_ARGS__);                                                                          \
    } while (0)

/* ---- bytes to choose by ---- */

struct fuzz_bytes {
    const uint8_t *at; /* borrowed */
    size_t left;
};

static inline uint8_t fuzz_u8(struct fuzz_bytes *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->at++;
}

static inline uint16_t fuzz_u16(struct fuzz_bytes *in)
{
    uint16_t high = fuzz_u8(in);
    return (uint16_t)(high << 8 | fuzz_u8(in));
}

static inline uint32_t fuzz_u32(struct fuzz_bytes *in)
{
    uint32_t high = fuzz_u16(in);
    return high << 16 | fuzz_u16(in);
}

/* The next `want` bytes, or as many as there are. */
static inline struct fuzz_bytes fuzz_take(struct fuzz_bytes *in, size_t want)
{
    struct fuzz_bytes taken = {in->at, want < in->left ? want : in->left};
    in->at += taken.left;
    in->left -= taken.left;
    return taken;
}

/* ---- a file in memory ---- */

struct fuzz_file {
    int fd;
    char path[32];
};
void fuzz_file_make(struct fuzz_file *file, const void *bytes, size_t count);
void fuzz_file_done(struct fuzz_file *file);

/* ---- sessions ---- */

/* Settings as pairs of name and value, ended by NULL; all must be right. */
struct tca_session *fuzz_session(const char *const *setting);
/* Every table, the summary and the counters, each behind its name, of a session that is finished here. False where that said that
 * memory had no room for all connections. */
bool fuzz_tell(struct tca_session *session, struct tca_buf *out);
/* Both texts are the same, or the program stops with the first line that is not. */
void fuzz_require_same(const struct tca_buf *a, const struct tca_buf *b, const char *what);
/* What the tables say of each other: outcomes add up to the packets, and captures to the rows. */
void fuzz_require_sums(struct tca_session *session);

#endif
