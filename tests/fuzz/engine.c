/* SPDX-License-Identifier: MIT
 *
 * The whole engine from memory: conversations (shape.h) go into sessions, and every table is made of them. However many threads,
 * however little memory, and in whatever portions records come, the same bytes are told; and what tables say of each other fits.
 *
 *     { settings u8, script }
 */
#include "fuzz.h"

#include <stdio.h>

#include "shape.h"
#include "table.h"

/* What a bit of the first byte asks for. Threads and memory are what the ways differ by. */
static const char *const choices[8][2] = {
    {"trace", "true"},         {"key", "vlan,tunnel"}, {"checksums", "on"}, {"all-states", "true"},
    {"server", "10.0.0.1:80"}, {"vantage", "client"},  {"width", "0.5"},    {"min-confidence", "probable"},
};

enum { SETTINGS_MAX = 2 * (8 + 2) + 1 };

/* Records at a time; 0: all of a capture. */
struct way {
    const char *what, *jobs, *memory;
    size_t portion;
};
static const struct way usual = {"as usual", NULL, NULL, 0}, shared = {"two threads", "2", NULL, 7},
                        scarce = {"a megabyte", NULL, "1M", 0},
                        both = {"a megabyte, two threads", "2", "1M", 7};

static struct tca_session *open_session(uint8_t chosen, const struct way *way)
{
    const char *setting[SETTINGS_MAX] = {0}, **next = setting;

    for (int bit = 0; bit < 8; bit++)
        if (chosen >> bit & 1) {
            *next++ = choices[bit][0];
            *next++ = choices[bit][1];
        }
    if (way->jobs) {
        *next++ = "jobs";
        *next++ = way->jobs;
    }
    if (way->memory) {
        *next++ = "memory";
        *next++ = way->memory;
    }
    return fuzz_session(setting);
}

/* A ladder of the first connections, each in another form as well, and what ss would have printed; of whatever host. */
static void explain(struct tca_session *session, struct tca_buf *out)
{
    static const char *const form[] = {"svg", "html", "mermaid", "xplot"};
    struct tca_error error;
    char selector[40];

    for (unsigned stream = 0; stream < 4; stream++) {
        snprintf(selector, sizeof selector, "stream=%u", stream);
        tca_session_explain(session, selector, stream & 1, write_to_buf, out, &error);
        tca_session_picture(session, selector, form[stream], write_to_buf, out, &error);
    }
    tca_session_explain(session, "c2:frame=3", false, write_to_buf, out, &error);
    tca_session_text(session, "ss", write_to_buf, out, &error);
}

/* False where memory had no room for all connections, which is told. */
static bool run(uint8_t chosen, const struct shape *shape, const struct way *way, struct tca_buf *out)
{
    struct tca_session *session = open_session(chosen, way);

    shape_feed(shape, session, way->portion);
    bool whole = fuzz_tell(session, out);
    if (chosen & 1)
        explain(session, out);
    if (way == &usual)
        fuzz_require_sums(session);
    tca_session_free(session);
    return whole;
}

static void require_same(uint8_t chosen, const struct shape *shape, const struct way *way,
                         const struct tca_buf *expected)
{
    struct tca_buf told = {0};

    run(chosen, shape, way, &told);
    fuzz_require_same(expected, &told, way->what);
    tca_buf_done(&told);
}

/* A megabyte has no room for some hundred SYNs that nothing answered; which of them are told in short follows from the records and
 * from the megabyte, then, and not from threads. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct fuzz_bytes in = {bytes, count};
    uint8_t chosen = fuzz_u8(&in);
    struct tca_buf told = {0}, told_scarce = {0};
    struct shape shape;

    shape_captures(&in, &shape);
    run(chosen, &shape, &usual, &told);
    require_same(chosen, &shape, &shared, &told);
    if (run(chosen, &shape, &scarce, &told_scarce))
        fuzz_require_same(&told, &told_scarce, scarce.what);
    else
        require_same(chosen, &shape, &both, &told_scarce);
    shape_done(&shape);
    tca_buf_done(&told);
    tca_buf_done(&told_scarce);
    return 0;
}
