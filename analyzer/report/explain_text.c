/* SPDX-License-Identifier: MIT
 *
 * Explain: the ladder as text, in the manner of RFC 9293's figures.
 *
 *      frame      time  client      segment                                 server
 *          1  0.000000  SYN_SENT    ── SYN seq=0 ─────────────────────────► SYN_RECV
 *          2  0.000100  ESTABLISHED ◄─────────────── SYN+ACK seq=0 ack=1 ── SYN_RECV
 *                       ~ 1.02 s ~  SYN+ACK retransmission 1 of 5
 *
 * At most 100 columns; every sentence stands on a line of its own.
 */
#include "report/explain_own.h"

#include <stdio.h>
#include <string.h>

enum {
    ARROW_WIDTH = 45, /* columns between the two states */
    NUMBER_WIDTH = 9, /* of a frame number */
    STATE_WIDTH = 11, /* "ESTABLISHED" */
    TEXT_WIDTH = 96,  /* of wrapped sentences */
};

/* Columns of a time, by enum tca_time_style. */
static const int time_width[] = {
    [TCA_TIME_REL] = 11, [TCA_TIME_ISO] = 16, [TCA_TIME_EPOCH] = 17, [TCA_TIME_NS] = 19};

/* ---- pieces of a line ---- */

static void add_repeated(struct tca_buf *out, const char *piece, int count)
{
    for (int i = 0; i < count; i++)
        tca_buf_str(out, piece);
}

/* The text made for a moment, to the right of so many columns. */
static void add_right(struct tca_explain *ex, int width)
{
    tca_buf_fmt(&ex->out, "%*s", width, tca_buf_text(&ex->text));
    ex->out.failed |= ex->text.failed;
    tca_buf_reset(&ex->text);
}

static void add_time(struct tca_explain *ex, int64_t time_ns)
{
    tca_explain_time(ex, time_ns, &ex->text);
    add_right(ex, time_width[ex->view->time]);
}

static void begin_note(struct tca_explain *ex)
{
    add_repeated(&ex->out, " ", NUMBER_WIDTH + 1 + time_width[ex->view->time] + 2);
}

/* An arrow with its label at the sender's end; an x where the receiver is judged not to have taken it. */
static void add_arrow(struct tca_explain *ex, const struct ladder_entry *e)
{
    bool ascii = ex->form->ascii;
    const char *line = ascii ? "-" : "\u2500", *right = ascii ? ">" : "\u25ba",
               *left = ascii ? "<" : "\u25c4";
    const char *blank = e->numbers[0] ? " " : "";
    int label = (int)(strlen(e->flags) + strlen(blank) + strlen(e->numbers));
    int rest = ARROW_WIDTH - label - 5; /* two of line, two blanks, the head */
    if (rest < 1)
        rest = 1;
    if (e->from == TCA_CLIENT) {
        add_repeated(&ex->out, line, 2);
        tca_buf_fmt(&ex->out, " %s%s%s ", e->flags, blank, e->numbers);
        add_repeated(&ex->out, line, rest);
        tca_buf_str(&ex->out, e->ignored ? "x" : right);
    } else {
        tca_buf_str(&ex->out, e->ignored ? "x" : left);
        add_repeated(&ex->out, line, rest);
        tca_buf_fmt(&ex->out, " %s%s%s ", e->flags, blank, e->numbers);
        add_repeated(&ex->out, line, 2);
    }
}

/* Break a text into lines of at most TEXT_WIDTH columns. */
static void add_wrapped(struct tca_buf *out, const char *head, const char *text)
{
    size_t indent = strlen(head), column = indent;
    tca_buf_str(out, head);
    bool first = true;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (!first && column + 1 + word > TEXT_WIDTH) {
            tca_buf_char(out, '\n');
            add_repeated(out, " ", (int)indent);
            column = indent;
            first = true;
        }
        if (!first)
            tca_buf_char(out, ' ');
        tca_buf_add(out, text, word);
        column += word + !first;
        first = false;
        text += word;
        text += strspn(text, " ");
    }
    tca_buf_char(out, '\n');
}

/* ---- head ---- */

static void add_head(struct tca_explain *ex)
{
    const struct tca_dossier *d = ex->view->c->d;
    struct tca_buf *out = &ex->out;
    tca_explain_names(ex, out);
    tca_buf_str(out, "\nclient ");
    tca_text_endpoint(out, ex->view->capture->anon, d->addr[TCA_CLIENT], d->family, d->port[TCA_CLIENT]);
    tca_buf_str(out, "  server ");
    tca_text_endpoint(out, ex->view->capture->anon, d->addr[TCA_SERVER], d->family, d->port[TCA_SERVER]);
    tca_buf_fmt(out, "  captured at: %s\nfirst packet ", tca_vantage_name(ex->view->c->vantage));
    tca_buf_iso(out, d->m.start_ns, 9);
    tca_buf_char(out, '\n');
    tca_explain_numbers(ex, out);
    tca_buf_char(out, '\n');
    for (int i = 0; tca_explain_kin(ex, i, out); i++)
        tca_buf_char(out, '\n');
    tca_buf_fmt(out, "\n%*s %*s  %-*s %-*s %s\n", NUMBER_WIDTH, "frame", time_width[ex->view->time], "time",
                STATE_WIDTH, "client", ARROW_WIDTH, "segment (x: judged ignored or lost)", "server");
}

/* ---- lines ---- */

static void add_gap(struct tca_explain *ex, const struct ladder_entry *e)
{
    if (e->gap_ns < 0 && !e->name[0])
        return;
    begin_note(ex);
    if (e->gap_ns >= 0) {
        tca_buf_str(&ex->out, "~ ");
        tca_explain_elapsed(&ex->out, e->gap_ns);
        tca_buf_fmt(&ex->out, " ~%s", e->name[0] ? "  " : "");
    }
    tca_buf_fmt(&ex->out, "%s\n", e->name);
}

/* What somebody wrote beside the segment: the words of others, marked as such. */
static void add_comment(struct tca_explain *ex, const char *comment)
{
    char head[64];
    if (!comment)
        return;
    tca_text_clean(&ex->text, comment, true);
    snprintf(head, sizeof head, "%*s# ", NUMBER_WIDTH + 1 + time_width[ex->view->time] + 2, "");
    add_wrapped(&ex->out, head, tca_buf_text(&ex->text));
    ex->out.failed |= ex->text.failed;
    tca_buf_reset(&ex->text);
}

static void add_segment(struct tca_explain *ex, const struct ladder_entry *e)
{
    add_gap(ex, e);
    tca_explain_spot(ex, e->spot, &ex->text);
    add_right(ex, NUMBER_WIDTH);
    tca_buf_char(&ex->out, ' ');
    add_time(ex, e->time_ns);
    tca_buf_fmt(&ex->out, "  %-*s ", STATE_WIDTH, tca_state_name(e->state[TCA_CLIENT]));
    add_arrow(ex, e);
    tca_buf_fmt(&ex->out, " %s\n", tca_state_name(e->state[TCA_SERVER]));
    add_comment(ex, e->comment);
    if (e->parted) {
        begin_note(ex);
        tca_buf_fmt(&ex->out, "! %s\n", tca_explain_parting);
    }
}

static void add_fold(struct tca_explain *ex, const struct ladder_entry *e)
{
    tca_buf_fmt(&ex->out, "%*s%*sframes ", NUMBER_WIDTH, ":", time_width[ex->view->time] + 3, "");
    tca_explain_spot(ex, e->spot, &ex->out);
    tca_buf_str(&ex->out, " to ");
    tca_explain_spot(ex, e->last, &ex->out);
    tca_buf_str(&ex->out, ": ");
    tca_explain_fold(e, &ex->out);
    tca_buf_char(&ex->out, '\n');
}

static void add_timer(struct tca_explain *ex, const struct ladder_entry *e)
{
    add_gap(ex, e);
    tca_buf_fmt(&ex->out, "%*s ", NUMBER_WIDTH, "");
    add_time(ex, e->time_ns);
    tca_buf_str(&ex->out, "  ~ timer ~  ");
    tca_explain_timer_words(e, &ex->out);
    tca_buf_char(&ex->out, '\n');
}

static void add_entry(struct tca_explain *ex, const struct ladder_entry *e)
{
    static void (*const add[])(struct tca_explain *, const struct ladder_entry *) = {
        [LADDER_SEGMENT] = add_segment, [LADDER_FOLD] = add_fold, [LADDER_TIMER] = add_timer};
    add[e->kind](ex, e);
}

/* ---- end ---- */

static void add_finding(struct tca_explain *ex, const struct tca_judgement *j)
{
    const struct tca_finding *f = &tca_findings[j->id];
    struct tca_buf *out = &ex->out;
    tca_buf_fmt(out, "\n%s  (%s, %s)", f->id, tca_severity_name(f->severity),
                tca_confidence_name(j->confidence));
    for (int i = 0; i < j->frame_count; i++) {
        tca_buf_str(out, i ? ", " : j->frame_count > 1 ? "  frames " : "  frame ");
        tca_explain_proof(ex, j, i, out);
    }
    tca_buf_char(out, '\n');
    struct tca_sentence sentence;
    const char *says = tca_explain_says(ex, j, &sentence);
    if (says[0])
        add_wrapped(out, "    ", says);
    if (f->normal)
        return;
    if (f->doubt && f->doubt[0])
        add_wrapped(out, "    doubt: ", f->doubt);
    if (f->severity > TCA_SEVERITY_INFO && f->host && f->host[0])
        add_wrapped(out, "    host:  ", f->host);
}

static void add_end(struct tca_explain *ex)
{
    tca_buf_char(&ex->out, '\n');
    tca_explain_ending(ex, &ex->out);
    tca_buf_char(&ex->out, '\n');
    tca_explain_unshown(ex, &ex->text);
    if (ex->text.used) {
        add_right(ex, 0);
        tca_buf_char(&ex->out, '\n');
    }
    for (int i = 0; i < ex->view->v->count; i++)
        add_finding(ex, &ex->view->v->judgement[i]);
}

const struct tca_explain_form tca_explain_text = {
    .name = "text", .turns = 1, .head = add_head, .entry = add_entry, .end = add_end};
const struct tca_explain_form tca_explain_ascii = {
    .name = "ascii", .ascii = true, .turns = 1, .head = add_head, .entry = add_entry, .end = add_end};
