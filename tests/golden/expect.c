/* SPDX-License-Identifier: MIT
 *
 * expect.txt, line by line. The first words choose a form from a table; each form has its reader and its
 * check. An id or a column that does not exist is an error of the case, so that a slip of the pen cannot make
 * `not ID` true.
 */
#include "expect.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tcpautopsy/registry.h>

enum { WORDS_MAX = 8 };

struct words {
    char word[WORDS_MAX][EXPECT_WORD_MAX];
    unsigned count;
};

/* ---- reading ---- */

/* A rest after the last word that fits is an error: forms check the count. */
static void split(const char *text, struct words *ret_words)
{
    ret_words->count = 0;
    while (*text) {
        size_t n = strcspn(text, " \t");
        if (n) {
            if (ret_words->count < WORDS_MAX)
                snprintf(ret_words->word[ret_words->count], EXPECT_WORD_MAX, "%.*s", (int)n, text);
            ret_words->count++;
        }
        text += n + strspn(text + n, " \t");
    }
}

static bool known_id(const char *id, struct tca_buf *why)
{
    struct tca_finding_info info;

    if (tca_registry_finding_by_id(id, &info))
        return true;
    tca_buf_fmt(why, "'%s' is no finding of the registry", id);
    return false;
}

static bool known_column(const char *table, const char *name, struct tca_buf *why)
{
    struct tca_column_info info;

    for (size_t i = 0; tca_registry_column(i, &info); i++)
        if (strcmp(info.table, table) == 0 && strcmp(info.name, name) == 0)
            return true;
    tca_buf_fmt(why, "'%s' is no column of %s", name, table);
    return false;
}

static const char *confidence_word(const char *word)
{
    static const char *const known[] = {"possible", "probable", "certain"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], word) == 0)
            return known[i];
    return NULL;
}

static bool read_count(const char *text, long *ret_count)
{
    char *end;

    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    *ret_count = strtol(text, &end, 10);
    return !*end && !errno;
}

static bool bad_form(struct tca_buf *why)
{
    tca_buf_str(why, "not a form of docs/design/cases.md");
    return false;
}

/* ID [confidence] [xN], from word `at` on. */
static bool read_finding(const struct words *w, unsigned at, struct expectation *e, struct tca_buf *why)
{
    if (at >= w->count || !known_id(w->word[at], why))
        return at < w->count ? false : bad_form(why);
    memcpy(e->id, w->word[at], sizeof e->id);
    for (at++; at < w->count; at++) {
        const char *confidence = confidence_word(w->word[at]);
        if (confidence)
            e->confidence = confidence;
        else if (w->word[at][0] != 'x' || !read_count(w->word[at] + 1, &e->count))
            return bad_form(why);
    }
    return true;
}

static bool read_bare_id(const struct words *w, unsigned at, struct expectation *e, struct tca_buf *why)
{
    return w->count == at + 1 ? read_finding(w, at, e, why) : bad_form(why);
}

/* COLUMN = VALUE, where the value is the rest of the line as it stands. */
static bool read_cell(const char *table, const struct words *w, unsigned at, struct expectation *e,
                      struct tca_buf *why)
{
    const char *equals = strchr(e->text, '=');

    if (w->count < at + 2 || strcmp(w->word[at + 1], "=") != 0 || !equals)
        return bad_form(why);
    if (!known_column(table, w->word[at], why))
        return false;
    memcpy(e->id, w->word[at], sizeof e->id);
    snprintf(e->value, sizeof e->value, "%s", equals + 1 + strspn(equals + 1, " \t"));
    return true;
}

static bool read_quiet(const struct words *w, struct expectation *e, struct tca_buf *why)
{
    (void)e;
    return w->count == 1 || bad_form(why);
}

static bool read_has(const struct words *w, struct expectation *e, struct tca_buf *why)
{
    return read_finding(w, 1, e, why);
}

static bool read_not(const struct words *w, struct expectation *e, struct tca_buf *why)
{
    return read_bare_id(w, 1, e, why);
}

static bool read_flow_has(const struct words *w, struct expectation *e, struct tca_buf *why)
{
    return read_finding(w, 3, e, why);
}

static bool read_flow_not(const struct words *w, struct expectation *e, struct tca_buf *why)
{
    return read_bare_id(w, 3, e, why);
}

static bool read_flow_cell(const struct words *w, struct expectation *e, struct tca_buf *why)
{
    return read_cell("flows", w, 2, e, why);
}

static bool read_listener_cell(const struct words *w, struct expectation *e, struct tca_buf *why)
{
    return read_cell("listeners", w, 2, e, why);
}

static bool read_rows(const struct words *w, struct expectation *e, struct tca_buf *why)
{
    return (w->count == 2 && read_count(w->word[1], &e->count)) || bad_form(why);
}

static bool read_capture(const struct words *w, struct expectation *e, struct tca_buf *why)
{
    return read_cell("captures", w, 1, e, why);
}

/* ---- checking ---- */

static const char *cell(const struct table *table, size_t row, const char *column)
{
    const char *text = table_cell(table, row, column);
    return text ? text : "";
}

/* An interval has two rows, begin and end; it is raised once. */
static bool raised(const struct said *said, size_t row, const char *id)
{
    return strcmp(cell(&said->events, row, "finding"), id) == 0 &&
           strcmp(cell(&said->events, row, "event"), "end") != 0;
}

/* Whose events count: all of them, a flow's, or those of no flow. */
static bool of_flow(const struct said *said, size_t row, const char *flow_id)
{
    return !flow_id || strcmp(cell(&said->events, row, "flow_id"), flow_id) == 0;
}

static void add_findings(const struct said *said, const char *flow_id, struct tca_buf *why)
{
    const char *before = "; said: ";

    for (size_t i = 0; i < said->events.rows; i++) {
        const char *id = cell(&said->events, i, "finding");
        if (!*id || !raised(said, i, id) || !of_flow(said, i, flow_id))
            continue;
        tca_buf_fmt(why, "%s%s (%s)", before, id, cell(&said->events, i, "confidence"));
        before = ", ";
    }
}

static bool check_finding(const struct expectation *e, const struct said *said, const char *flow_id,
                          struct tca_buf *why)
{
    long times = 0;

    for (size_t i = 0; i < said->events.rows; i++) {
        const char *confidence = cell(&said->events, i, "confidence");
        if (!raised(said, i, e->id) || !of_flow(said, i, flow_id))
            continue;
        times++;
        if (e->confidence && strcmp(confidence, e->confidence) != 0) {
            tca_buf_fmt(why, "is %s: %s", confidence, cell(&said->events, i, "event_id"));
            return false;
        }
    }
    if (times > 0 && (e->count < 0 || times == e->count))
        return true;
    if (times == 0 && e->count == 0)
        return true;
    tca_buf_fmt(why, "raised %ld times", times);
    add_findings(said, flow_id, why);
    return false;
}

static bool check_absent(const struct expectation *e, const struct said *said, const char *flow_id,
                         struct tca_buf *why)
{
    for (size_t i = 0; i < said->events.rows; i++)
        if (raised(said, i, e->id) && of_flow(said, i, flow_id)) {
            tca_buf_fmt(why, "raised, %s: %s: %s", cell(&said->events, i, "confidence"),
                        cell(&said->events, i, "event_id"), cell(&said->events, i, "text"));
            return false;
        }
    return true;
}

/* The row of PORT or PORT#N, by this column of ports; rows if there is none. */
static size_t port_row(const struct table *table, const char *column, const char *port)
{
    char number[EXPECT_WORD_MAX];
    long nth = 1;
    const char *mark = strchr(port, '#');
    size_t i;

    snprintf(number, sizeof number, "%.*s", (int)(mark ? mark - port : (long)strlen(port)), port);
    if (mark && !read_count(mark + 1, &nth))
        return table->rows;
    for (i = 0; i < table->rows; i++)
        if (strcmp(cell(table, i, column), number) == 0 && --nth == 0)
            break;
    return i;
}

static size_t flow_row(const struct said *said, const char *port)
{
    return port_row(&said->flows, "client_port", port);
}

static const char *flow_id(const struct expectation *e, const struct said *said, struct tca_buf *why)
{
    size_t row = flow_row(said, e->port);

    if (row < said->flows.rows)
        return cell(&said->flows, row, "flow_id");
    tca_buf_fmt(why, "there is no such flow among %zu", said->flows.rows);
    return NULL;
}

static bool check_cell(const struct expectation *e, const struct table *table, size_t row,
                       struct tca_buf *why)
{
    const char *text = table_cell(table, row, e->id);

    if (text && strcmp(text, e->value) == 0)
        return true;
    tca_buf_fmt(why, "is '%s'", text ? text : "(no such row)");
    return false;
}

static bool met_quiet(const struct expectation *e, const struct said *said, struct tca_buf *why)
{
    (void)e;
    for (size_t i = 0; i < said->events.rows; i++) {
        const char *id = cell(&said->events, i, "finding");
        struct tca_finding_info info;
        if (!*id || (tca_registry_finding_by_id(id, &info) && strcmp(info.severity, "info") == 0))
            continue;
        tca_buf_fmt(why, "raised %s (%s): %s: %s", id, cell(&said->events, i, "confidence"),
                    cell(&said->events, i, "event_id"), cell(&said->events, i, "text"));
        return false;
    }
    return true;
}

static bool met_has(const struct expectation *e, const struct said *said, struct tca_buf *why)
{
    return check_finding(e, said, NULL, why);
}

static bool met_not(const struct expectation *e, const struct said *said, struct tca_buf *why)
{
    return check_absent(e, said, NULL, why);
}

static bool met_listener(const struct expectation *e, const struct said *said, struct tca_buf *why)
{
    return check_finding(e, said, "", why);
}

static bool met_flow_has(const struct expectation *e, const struct said *said, struct tca_buf *why)
{
    const char *id = flow_id(e, said, why);
    return id && check_finding(e, said, id, why);
}

static bool met_flow_not(const struct expectation *e, const struct said *said, struct tca_buf *why)
{
    const char *id = flow_id(e, said, why);
    return id && check_absent(e, said, id, why);
}

static bool met_flow_cell(const struct expectation *e, const struct said *said, struct tca_buf *why)
{
    return flow_id(e, said, why) && check_cell(e, &said->flows, flow_row(said, e->port), why);
}

static bool met_listener_cell(const struct expectation *e, const struct said *said, struct tca_buf *why)
{
    return check_cell(e, &said->listeners, port_row(&said->listeners, "server_port", e->port), why);
}

static bool met_rows(const struct expectation *e, const struct said *said, struct tca_buf *why)
{
    if (e->count >= 0 && (size_t)e->count == said->flows.rows)
        return true;
    tca_buf_fmt(why, "there are %zu", said->flows.rows);
    return false;
}

static bool met_capture(const struct expectation *e, const struct said *said, struct tca_buf *why)
{
    return check_cell(e, &said->captures, 0, why);
}

/* ---- forms ---- */

static const struct form {
    const char *first, *third; /* third word, where the form names a port; "" is any other one */
    bool (*read)(const struct words *w, struct expectation *e, struct tca_buf *why);
    bool (*met)(const struct expectation *e, const struct said *said, struct tca_buf *why);
} forms[] = {
    {"quiet", NULL, read_quiet, met_quiet},
    {"has", NULL, read_has, met_has},
    {"not", NULL, read_not, met_not},
    {"listener", NULL, read_has, met_listener},
    {"flow", "has", read_flow_has, met_flow_has},
    {"flow", "not", read_flow_not, met_flow_not},
    {"flow", "", read_flow_cell, met_flow_cell},
    {"listeners", "", read_listener_cell, met_listener_cell},
    {"rows", NULL, read_rows, met_rows},
    {"capture", NULL, read_capture, met_capture},
};

static int find_form(const struct words *w)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (strcmp(forms[i].first, w->word[0]) != 0)
            continue;
        if (!forms[i].third ||
            (w->count > 2 && (!*forms[i].third || strcmp(forms[i].third, w->word[2]) == 0)))
            return (int)i;
    }
    return -1;
}

static bool read_expectation(struct expectation *e, struct tca_buf *why)
{
    struct words w;

    split(e->text, &w);
    e->kind = find_form(&w);
    e->count = -1;
    if (e->kind < 0 || (w.count > WORDS_MAX && !strchr(e->text, '=')))
        return bad_form(why);
    if (forms[e->kind].third)
        memcpy(e->port, w.word[1], sizeof e->port);
    return forms[e->kind].read(&w, e, why);
}

/* A # begins a comment, except inside PORT#2. */
static void trim(const char *text, size_t length, char ret_line[EXPECT_TEXT_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < length && n + 1 < EXPECT_TEXT_MAX; i++) {
        if (text[i] == '#' && (i == 0 || isspace((unsigned char)text[i - 1])))
            break;
        if (n || !isspace((unsigned char)text[i]))
            ret_line[n++] = text[i];
    }
    while (n && isspace((unsigned char)ret_line[n - 1]))
        n--;
    ret_line[n] = '\0';
}

/* `gap` is what the line above left: it belongs to the next expectation. */
static bool add_line(struct expectations *expect, const char *line, unsigned number,
                     char gap[EXPECT_TEXT_MAX], struct tca_buf *why)
{
    if (strncmp(line, "gap:", 4) == 0) {
        snprintf(gap, EXPECT_TEXT_MAX, "%s", line + 4 + strspn(line + 4, " "));
        return true;
    }
    struct expectation *grown = realloc(expect->list, (expect->count + 1) * sizeof *grown);
    if (!grown)
        return false;
    expect->list = grown;
    struct expectation *e = &grown[expect->count++];
    memset(e, 0, sizeof *e);
    e->line = number;
    snprintf(e->text, sizeof e->text, "%s", line);
    snprintf(e->gap, sizeof e->gap, "%s", gap);
    gap[0] = '\0';
    size_t used = why->used;
    tca_buf_fmt(why, "expect.txt:%u: %s: ", number, line);
    if (!read_expectation(e, why))
        return false;
    why->used = used;
    return true;
}

bool expect_parse(const char *text, size_t length, struct expectations *ret_expect, struct tca_buf *why)
{
    struct expectations expect = {0};
    const char *end = text + length;
    char line[EXPECT_TEXT_MAX], gap[EXPECT_TEXT_MAX] = "";
    bool good = true;

    for (unsigned number = 1; good && text < end; number++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        trim(text, (size_t)((newline ? newline : end) - text), line);
        if (*line)
            good = add_line(&expect, line, number, gap, why);
        text = newline ? newline + 1 : end;
    }
    if (good && (gap[0] || !expect.count)) {
        tca_buf_str(why, gap[0] ? "expect.txt ends with a gap that no expectation follows"
                                : "expect.txt is empty");
        good = false;
    }
    if (good)
        *ret_expect = expect;
    else
        expect_done(&expect);
    return good;
}

void expect_done(struct expectations *expect)
{
    free(expect->list);
    memset(expect, 0, sizeof *expect);
}

bool expect_met(const struct expectation *e, const struct said *said, struct tca_buf *why)
{
    return forms[e->kind].met(e, said, why);
}
