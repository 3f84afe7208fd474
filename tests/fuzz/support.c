/* SPDX-License-Identifier: MIT
 *
 * What targets share: a way to stop, files in memory, and all that a session can be made to say.
 */
#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "counts.h"
#include "table.h"

void fuzz_fail(const char *format, ...)
{
    va_list values;

    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
    abort();
}

/* ---- a file in memory ---- */

/* By the name under /proc each opening begins at the first byte. */
void fuzz_file_make(struct fuzz_file *file, const void *bytes, size_t count)
{
    file->fd = memfd_create("fuzz", MFD_CLOEXEC);
    FUZZ_REQUIRE(file->fd >= 0 && pwrite(file->fd, bytes, count, 0) == (ssize_t)count, "no file in memory");
    snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", file->fd);
}

void fuzz_file_done(struct fuzz_file *file)
{
    close(file->fd);
}

/* ---- sessions ---- */

struct tca_session *fuzz_session(const char *const *setting)
{
    struct tca_settings *set = tca_settings_new();
    struct tca_session *session = NULL;
    struct tca_error error = {0};

    FUZZ_REQUIRE(set, "no memory for settings");
    for (; setting && *setting; setting += 2)
        FUZZ_REQUIRE(!tca_settings_set(set, setting[0], setting[1], &error), "%s", error.text);
    FUZZ_REQUIRE(!tca_session_open(set, &session, &error), "%s", error.text);
    tca_settings_free(set);
    return session;
}

bool fuzz_tell(struct tca_session *session, struct tca_buf *out)
{
    static const char *const table[] = {"flows",    "events",   "listeners", "states",
                                        "counters", "settings", "captures"};
    struct tca_error error = {0};

    FUZZ_REQUIRE(!tca_session_finish(session, &error), "finish: %d %s", error.code, error.text);
    bool whole = !strstr(error.text, "cut short");
    for (size_t at = 0; at < sizeof table / sizeof *table; at++) {
        tca_buf_fmt(out, "== %s\n", table[at]);
        FUZZ_REQUIRE(!tca_session_csv(session, table[at], NULL, write_to_buf, out, &error), "%s: %d %s",
                     table[at], error.code, error.text);
    }
    tca_buf_str(out, "== summary\n");
    FUZZ_REQUIRE(!tca_session_summary(session, write_to_buf, out, &error), "summary: %d %s", error.code,
                 error.text);
    tca_buf_str(out, "== nstat\n"); /* of which host may not be known */
    tca_session_text(session, "nstat", write_to_buf, out, &error);
    FUZZ_REQUIRE(!out->failed, "no memory for tables");
    return whole;
}

/* The line that holds the byte at `at`. */
static struct tca_buf line_at(const struct tca_buf *text, size_t at)
{
    size_t from = at < text->used ? at : text->used, to = from;

    while (from && text->bytes[from - 1] != '\n')
        from--;
    while (to < text->used && text->bytes[to] != '\n')
        to++;
    return (struct tca_buf){.bytes = text->bytes + from, .used = to - from};
}

void fuzz_require_same(const struct tca_buf *a, const struct tca_buf *b, const char *what)
{
    size_t at = 0;

    while (at < a->used && at < b->used && a->bytes[at] == b->bytes[at])
        at++;
    if (at == a->used && at == b->used)
        return;
    struct tca_buf one = line_at(a, at), other = line_at(b, at);
    fuzz_fail("%s: byte %zu:\n%.*s\n%.*s", what, at, (int)one.used, one.bytes, (int)other.used, other.bytes);
}

/* Outcomes are the columns n_...; each packet has one. */
static int64_t outcomes_of(const struct table *captures, size_t row)
{
    int64_t sum = 0;

    for (size_t at = 0; at < captures->columns; at++)
        if (!strncmp(captures->name[at], "n_", 2))
            sum += table_number(captures, row, captures->name[at]);
    return sum;
}

void fuzz_require_sums(struct tca_session *session)
{
    struct table flows, captures;
    int64_t told = 0;

    FUZZ_REQUIRE(!table_read(session, "flows", &flows, NULL), "flows");
    FUZZ_REQUIRE(!table_read(session, "captures", &captures, NULL), "captures");
    FUZZ_REQUIRE(!flows.uneven && !captures.uneven && !flows.failed && !captures.failed, "uneven rows");
    for (size_t row = 0; row < captures.rows; row++) {
        FUZZ_REQUIRE(outcomes_of(&captures, row) == table_number(&captures, row, "packets"),
                     "capture %zu: outcomes do not add up to packets", row + 1);
        told += table_number(&captures, row, "flows");
    }
    FUZZ_REQUIRE(told == (int64_t)flows.rows, "%zu rows of flows, captures count %lld", flows.rows,
                 (long long)told);
    fuzz_require_counts(session, &flows, &captures);
    table_done(&flows);
    table_done(&captures);
}
