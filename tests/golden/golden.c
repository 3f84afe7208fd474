/* SPDX-License-Identifier: MIT
 *
 * Golden cases: every folder of captures/ is run through the public API and held against its story.
 *
 *     wire.txt --> capture.pcap (must be the committed bytes) --> library --> expect.txt, whole files
 *
 * TAP on standard output: one line per case, and one more for each known gap. A gap is an expected failure;
 * one that is met fails, so that its line gets removed.
 *
 *     golden [CAPTURES [CASE-OR-FAMILY]...]     run; CAPTURES is the folder, else TCPAUTOPSY_CAPTURES
 *     golden --list [CAPTURES]
 *     golden --update CASE [CAPTURES]           renew that case's capture.pcap (if it has a script) and those
 * of its whole-file outputs that exist
 */
#include "cases.h"
#include "diff.h"
#include "expect.h"
#include "tap.h"
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Shared by the processes of the cases. */
struct tap {
    unsigned number, failed;
};

/* ---- whole-file outputs ---- */

static int write_flows(struct case_run *run, struct tca_buf *out, struct tca_error *error)
{
    return tca_session_csv(run->session, "flows", NULL, write_to_buf, out, error);
}

static int write_events(struct case_run *run, struct tca_buf *out, struct tca_error *error)
{
    return tca_session_csv(run->session, "events", NULL, write_to_buf, out, error);
}

static int write_summary(struct case_run *run, struct tca_buf *out, struct tca_error *error)
{
    return tca_session_summary(run->session, write_to_buf, out, error);
}

static int write_explain(struct case_run *run, struct tca_buf *out, struct tca_error *error)
{
    return tca_session_explain(run->session, run->explain, false, write_to_buf, out, error);
}

static int write_svg(struct case_run *run, struct tca_buf *out, struct tca_error *error)
{
    return tca_session_picture(run->session, run->explain, "svg", write_to_buf, out, error);
}

static int write_mermaid(struct case_run *run, struct tca_buf *out, struct tca_error *error)
{
    return tca_session_picture(run->session, run->explain, "mermaid", write_to_buf, out, error);
}

static int write_xplot(struct case_run *run, struct tca_buf *out, struct tca_error *error)
{
    return tca_session_picture(run->session, run->explain, "xplot", write_to_buf, out, error);
}

static const struct output {
    const char *name;
    int (*write)(struct case_run *run, struct tca_buf *out, struct tca_error *error);
} outputs[] = {
    {"flows.csv", write_flows},     {"events.csv", write_events}, {"summary.txt", write_summary},
    {"explain.txt", write_explain}, {"explain.svg", write_svg},   {"explain.mermaid", write_mermaid},
    {"explain.xpl", write_xplot},
};
enum { OUTPUTS = sizeof outputs / sizeof *outputs };

static void compare_output(const struct output *output, struct case_run *run, struct tca_buf *why)
{
    struct tca_buf expected = {0}, got = {0};
    struct tca_error error = {0};

    if (!file_exists(output->name))
        return;
    if (!file_read(output->name, &expected))
        tca_buf_fmt(why, "%s: %s\n", output->name, strerror(errno));
    else if (output->write(run, &got, &error))
        tca_buf_fmt(why, "%s: %s\n", output->name, error.text);
    else
        diff_texts(output->name, &expected, &got, why);
    tca_buf_done(&expected);
    tca_buf_done(&got);
}

/* ---- capture.pcap of a crafted case ---- */

/* False with words if the script is wrong; true and nothing in `out` if there is none. */
static bool make_capture(struct tca_buf *out, struct tca_buf *why)
{
    struct tca_buf script = {0};
    struct wire wire;
    struct wire_error error;
    bool good = true;

    if (file_exists("wire.txt") && file_read("wire.txt", &script)) {
        good = wire_parse("wire.txt", script.bytes, script.used, &wire, &error) == 0;
        if (good) {
            wire_pcap(&wire, out);
            wire_done(&wire);
        } else {
            tca_buf_fmt(why, "%s\n", error.text);
        }
    }
    tca_buf_done(&script);
    return good;
}

static void compare_capture(struct tca_buf *why)
{
    struct tca_buf made = {0}, committed = {0};

    if (make_capture(&made, why) && made.used) {
        if (!file_read("capture.pcap", &committed))
            tca_buf_str(why, "capture.pcap has not been made from wire.txt yet: golden --update CASE\n");
        else if (made.used != committed.used || memcmp(made.bytes, committed.bytes, made.used) != 0)
            tca_buf_str(why, "capture.pcap is not what wire.txt makes: golden --update CASE\n");
    }
    tca_buf_done(&made);
    tca_buf_done(&committed);
}

/* ---- one case ---- */

static void read_said(struct case_run *run, struct said *said, struct tca_buf *why)
{
    struct {
        const char *name;
        struct table *table;
    } tables[] = {{"flows", &said->flows},
                  {"events", &said->events},
                  {"listeners", &said->listeners},
                  {"captures", &said->captures}};

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct tca_error error = {0};
        if (table_read(run->session, tables[i].name, tables[i].table, &error))
            tca_buf_fmt(why, "table %s: %s\n", tables[i].name,
                        tables[i].table->uneven ? "rows of different widths" : error.text);
    }
}

static void said_done(struct said *said)
{
    table_done(&said->flows);
    table_done(&said->events);
    table_done(&said->listeners);
    table_done(&said->captures);
}

static void print_gap(struct tap *tap, const char *name, const struct expectation *e, bool met,
                      struct tca_buf *why)
{
    tap->failed += met;
    printf("%s %u %s: ", met ? "ok" : "not ok", ++tap->number, name);
    tap_name(e->text);
    printf(" # TODO ");
    tap_name(e->gap);
    putchar('\n');
    if (met)
        printf("# %s: expect.txt:%u: the gap is closed: remove its line\n", name, e->line);
    tap_comment(why);
}

static void check_expectations(const char *file, const struct expectations *expect, const struct said *said,
                               struct tca_buf *why)
{
    for (size_t i = 0; i < expect->count; i++) {
        const struct expectation *e = &expect->list[i];
        struct tca_buf words = {0};
        if (!e->gap[0] && !expect_met(e, said, &words))
            tca_buf_fmt(why, "%s:%u: %s: %s\n", file, e->line, e->text, tca_buf_text(&words));
        tca_buf_done(&words);
    }
}

static void print_gaps(struct tap *tap, const char *name, const struct expectations *expect,
                       const struct said *said)
{
    for (size_t i = 0; i < expect->count; i++) {
        struct tca_buf words = {0};
        if (expect->list[i].gap[0])
            print_gap(tap, name, &expect->list[i], expect_met(&expect->list[i], said, &words), &words);
        tca_buf_done(&words);
    }
}

/* The story's first line. */
static void read_story(struct tca_buf *story, struct tca_buf *why)
{
    if (!file_read("story.txt", story) || !story->used || story->bytes[0] == '\n')
        tca_buf_str(why, "story.txt does not tell in its first line what happened\n");
    const char *newline = story->used ? memchr(story->bytes, '\n', story->used) : NULL;
    if (newline)
        story->used = (size_t)(newline - story->bytes);
}

static bool read_expectations(const char *file, struct expectations *expect, struct tca_buf *why)
{
    struct tca_buf text = {0};
    bool good = file_read(file, &text);

    if (!good)
        tca_buf_fmt(why, "%s is missing: what must be said, and what must not?\n", file);
    else if (!(good = expect_parse(text.bytes, text.used, expect, why)))
        tca_buf_char(why, '\n');
    tca_buf_done(&text);
    return good;
}

/* What more than the case's capture proves. */
static const struct together {
    const char *file;
    int (*run)(struct case_run *ret_run, struct tca_error *error);
} togethers[] = {
    {"twins.txt", case_run_twins},   /* with those of the other capture points */
    {"series.txt", case_run_series}, /* the files of a series */
};

static void check_together(const struct together *with, struct tca_buf *why)
{
    struct expectations expect = {0};
    struct said said = {0};
    struct case_run run;
    struct tca_error error;

    if (!file_exists(with->file))
        return;
    read_expectations(with->file, &expect, why);
    if (with->run(&run, &error) == 0) {
        read_said(&run, &said, why);
        check_expectations(with->file, &expect, &said, why);
    } else {
        tca_buf_fmt(why, "%s: %s\n", with->file, error.text);
    }
    case_run_done(&run);
    said_done(&said);
    expect_done(&expect);
}

static void test_case(struct tap *tap, const char *name)
{
    struct tca_buf why = {0}, story = {0};
    struct expectations expect = {0};
    struct said said = {0};
    struct case_run run;
    struct tca_error error;

    read_story(&story, &why);
    compare_capture(&why);
    bool expects = read_expectations("expect.txt", &expect, &why);
    bool ran = case_run(&run, &error) == 0;
    if (ran) {
        read_said(&run, &said, &why);
        check_expectations("expect.txt", &expect, &said, &why);
        for (size_t i = 0; i < sizeof togethers / sizeof *togethers; i++)
            check_together(&togethers[i], &why);
        for (size_t i = 0; i < OUTPUTS; i++)
            compare_output(&outputs[i], &run, &why);
    } else {
        tca_buf_fmt(&why, "%s\n", error.text);
    }
    tap->failed += why.used > 0;
    printf("%s %u %s - ", why.used ? "not ok" : "ok", ++tap->number, name);
    tap_name(tca_buf_text(&story));
    putchar('\n');
    tap_comment(&why);
    if (ran && expects)
        print_gaps(tap, name, &expect, &said);
    fflush(stdout);
    case_run_done(&run);
    said_done(&said);
    expect_done(&expect);
    tca_buf_done(&why);
    tca_buf_done(&story);
}

/* ---- commands ---- */

/* Chosen by its own name or its family's; nothing chosen means all. */
static bool chosen(const char *name, char **wanted, int count)
{
    if (!count)
        return true;
    for (int i = 0; i < count; i++) {
        size_t n = strlen(wanted[i]);
        if (strncmp(name, wanted[i], n) == 0 && (!name[n] || name[n] == '/'))
            return true;
    }
    return false;
}

static bool enter(const char *captures, const char *name)
{
    char path[CASE_PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", captures, name);

    if (n > 0 && (size_t)n < sizeof path && chdir(path) == 0)
        return true;
    fprintf(stderr, "golden: %s: %s\n", name, strerror(errno));
    return false;
}

struct one {
    struct tap *tap;
    const char *name;
};

static void test_one(void *user)
{
    const struct one *one = user;
    test_case(one->tap, one->name);
}

static int run_all(const char *captures, const struct names *cases, char **wanted, int count)
{
    struct tap *tap = tap_shared(sizeof *tap);

    if (!tap)
        return 2;
    for (size_t i = 0; i < cases->count; i++) {
        struct one one = {tap, cases->name[i]};
        if (!chosen(one.name, wanted, count))
            continue;
        if (!enter(captures, one.name))
            return 2;
        if (tap_apart(test_one, &one, one.name, &tap->number))
            tap->failed++;
    }
    printf("1..%u\n", tap->number);
    return tap->failed != 0;
}

static int list_all(const struct names *cases)
{
    for (size_t i = 0; i < cases->count; i++)
        puts(cases->name[i]);
    return 0;
}

static int renew(const char *name, const struct tca_buf *bytes)
{
    struct tca_buf old = {0};
    bool same = file_read(name, &old) && old.used == bytes->used &&
                (!old.used || memcmp(old.bytes, bytes->bytes, old.used) == 0);
    int status = 0;

    tca_buf_done(&old);
    if (!same && !file_write(name, bytes->bytes, bytes->used)) {
        fprintf(stderr, "golden: %s: %s\n", name, strerror(errno));
        status = 2;
    }
    printf("%-12s %s\n", name, same ? "unchanged" : "renewed");
    return status;
}

static int renew_output(const struct output *output, struct case_run *run)
{
    struct tca_buf got = {0};
    struct tca_error error = {0};
    int status = 2;

    if (!file_exists(output->name))
        return 0;
    if (output->write(run, &got, &error))
        fprintf(stderr, "golden: %s: %s\n", output->name, error.text);
    else
        status = renew(output->name, &got);
    tca_buf_done(&got);
    return status;
}

static int renew_capture(void)
{
    struct tca_buf made = {0}, why = {0};
    bool good = make_capture(&made, &why);
    int status = !good ? 1 : made.used ? renew("capture.pcap", &made) : 0;

    if (!good)
        fputs(tca_buf_text(&why), stderr);
    tca_buf_done(&made);
    tca_buf_done(&why);
    return status;
}

static int update(const char *captures, const char *name)
{
    struct case_run run;
    struct tca_error error;
    bool whole = false;

    if (!enter(captures, name))
        return 2;
    int status = renew_capture();
    for (size_t i = 0; i < OUTPUTS; i++)
        whole |= file_exists(outputs[i].name);
    if (status || !whole)
        return status;
    if (case_run(&run, &error)) {
        fprintf(stderr, "golden: %s: %s\n", name, error.text);
        status = 2;
    }
    for (size_t i = 0; i < OUTPUTS && !status; i++)
        status = renew_output(&outputs[i], &run);
    case_run_done(&run);
    return status;
}

static int usage(void)
{
    fputs("usage: golden [CAPTURES [CASE-OR-FAMILY]...]\n"
          "       golden --list [CAPTURES]\n"
          "       golden --update CASE [CAPTURES]\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    bool list = argc > 1 && strcmp(argv[1], "--list") == 0;
    bool renewing = argc > 1 && strcmp(argv[1], "--update") == 0;
    int at = 1 + list + 2 * renewing;
    char *captures = realpath(argc > at                       ? argv[at]
                              : getenv("TCPAUTOPSY_CAPTURES") ? getenv("TCPAUTOPSY_CAPTURES")
                                                              : "captures",
                              NULL);
    struct names cases;
    int status;

    if ((renewing && argc < 3) || (!list && !renewing && argc > 1 && argv[1][0] == '-')) {
        free(captures);
        return usage();
    }
    if (!captures || !cases_list(captures, &cases)) {
        fprintf(stderr, "golden: the folder of captures: %s\n", strerror(errno));
        free(captures);
        return 2;
    }
    if (list)
        status = list_all(&cases);
    else if (renewing)
        status = update(captures, argv[2]);
    else
        status = run_all(captures, &cases, argv + at + 1, argc > at + 1 ? argc - at - 1 : 0);
    names_done(&cases);
    free(captures);
    return status;
}
