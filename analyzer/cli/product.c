/* SPDX-License-Identifier: MIT
 *
 * Tables and texts of a session, each written whole or not at all (output.h).
 */
#include "product.h"

#include "say.h"
#include "setup.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the summary in colour: its signs alone carry the meaning ---- */

struct painter {
    struct output *out;
};

static const char *paint_of(const char *line, size_t count)
{
    static const struct {
        const char *sign, *paint;
    } paints[] = {{"!! ", "\033[1;31m"}, {"!  ", "\033[33m"}, {"ok ", "\033[32m"}};
    for (size_t i = 0; i < sizeof paints / sizeof paints[0]; i++)
        if (count >= 3 && memcmp(line, paints[i].sign, 3) == 0)
            return paints[i].paint;
    return NULL;
}

/* A tca_write_fn: the summary comes in one piece of whole lines. */
static int paint_write(void *user, const void *bytes, size_t count)
{
    struct painter *painter = user;
    const char *at = bytes, *end = at + count;
    int r = 0;
    while (at < end && r == 0) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((feed ? feed : end) - at);
        const char *paint = paint_of(at, length);
        if (paint)
            r = output_write(painter->out, paint, strlen(paint));
        r = r ? r : output_write(painter->out, at, length);
        if (paint && r == 0)
            r = output_write(painter->out, "\033[0m", 4);
        if (feed && r == 0)
            r = output_write(painter->out, "\n", 1);
        at += length + 1;
    }
    return r;
}

static bool wants_color(const struct request *req, const struct output *out)
{
    const char *when = request_value(req, OPTION_color, "auto");
    const char *no_color = getenv("NO_COLOR");
    if (strcmp(when, "auto") != 0)
        return strcmp(when, "always") == 0;
    return out->file == stdout && isatty(STDOUT_FILENO) && !(no_color && no_color[0]);
}
/* ---- writing ---- */

const char *const product_table[PRODUCT_COUNT] = {
    [PRODUCT_FLOWS] = "flows",       [PRODUCT_EVENTS] = "events",     [PRODUCT_LISTENERS] = "listeners",
    [PRODUCT_STATES] = "states",     [PRODUCT_COUNTERS] = "counters", [PRODUCT_SETTINGS] = "settings",
    [PRODUCT_CAPTURES] = "captures", [PRODUCT_RUN] = "run",
};

static int write_table(struct result *result, const char *table, struct output *out, struct tca_error *error)
{
    bool jsonl = setup_jsonl(result->req);
    if (!strcmp(table, product_table[PRODUCT_RUN]))
        return run_table_write(result, out, jsonl);
    return (jsonl ? tca_session_jsonl : tca_session_csv)(result->session, table, result->req->columns,
                                                         output_write, out, error);
}

static int write_product(struct result *result, enum product product, struct output *out,
                         struct tca_error *error)
{
    const struct request *req = result->req;
    struct painter painter = {.out = out};
    if (product == PRODUCT_STATES && setup_text(req))
        return tca_session_text(result->session, setup_text(req), output_write, out, error);
    if (product_table[product])
        return write_table(result, product_table[product], out, error);
    switch (product) {
    case PRODUCT_EXPLAIN:
        return tca_session_picture(result->session, req->word, setup_picture(req), output_write, out, error);
    case PRODUCT_PACKETS:
        return tca_session_pcap(result->session, req->word, output_write, out, error);
    default:
        break;
    }
    return wants_color(req, out) ? tca_session_summary(result->session, paint_write, &painter, error)
                                 : tca_session_summary(result->session, output_write, out, error);
}

int product_show(struct result *result, const char *text, size_t length)
{
    struct output out;
    struct painter painter = {.out = &out};
    if (!output_open(&out, NULL))
        return TCA_EOUTPUT;
    if (wants_color(result->req, &out))
        paint_write(&painter, text, length);
    else
        output_write(&out, text, length);
    return output_commit(&out) ? 0 : TCA_EOUTPUT;
}

int product_write(struct result *result, enum product product, const char *path)
{
    struct output out;
    struct tca_error error = {.offset = -1};
    if (!output_open(&out, path))
        return TCA_EOUTPUT;
    int r = write_product(result, product, &out, &error);
    if (r != 0 && !out.failed) {
        say_error(NULL, &error);
        output_abort(&out);
        return r;
    }
    if (!output_commit(&out))
        return TCA_EOUTPUT;
    if (error.text[0] && !request_has(result->req, OPTION_quiet))
        say_error(NULL, &error); /* a note */
    return 0;
}

enum exit_code product_fail_on(struct result *result)
{
    const char *ids = request_value(result->req, OPTION_fail_on, NULL);
    struct tca_error error = {.offset = -1};
    bool found = false;
    if (!ids)
        return EXIT_DONE;
    int r = tca_session_has_finding(result->session, ids, &found, &error);
    if (r < 0) {
        say_error(NULL, &error);
        return exit_for(r);
    }
    return found ? EXIT_FOUND : EXIT_DONE;
}

enum exit_code exit_for(int code)
{
    switch (code) {
    case TCA_EUSAGE:
        return EXIT_USAGE;
    case TCA_EINPUT:
    case TCA_EUNSUPPORTED:
        return EXIT_INPUT;
    default:
        return EXIT_OUTPUT;
    }
}
