/* SPDX-License-Identifier: MIT
 *
 * A connection as time-sequence graphs in the language of xplot, as tcptrace -S draws them, one for each direction; xplot
 * opens a window for each.
 *
 *     white    payload: from its first byte to behind its last, an arrow at each end; red, with an R, sent again
 *     green    what the other end has acknowledged      yellow   how far its window reaches
 *     orange   SYN and FIN                              red      resets; an X: judged ignored or lost
 *
 * Every segment is there: nothing is folded. So the trace is shown twice, once for each direction, and nothing waits in
 * memory. Times are those of the capture; numbers are those of the ladder, but go on where 32 bits begin anew. Copies that
 * the capture made are left out, as are ICMP errors.
 */
#include "report/explain_own.h"

#include "base/alloc.h"
#include "base/seq32.h"

/* The edge of a step: green, yellow. */
struct edge {
    int64_t at;      /* relative number */
    int64_t time_ns; /* since when */
    bool known;
};

struct plot {
    int64_t sent, acked; /* numbers near which the next ones are */
    struct edge ack, window;
};

void tca_plot_free(struct plot *plot)
{
    tca_free(plot);
}

/* A number of 32 bits, as that one of all it may stand for which is nearest to the last. */
static int64_t unwrapped(int64_t *last, uint32_t seq, uint32_t base)
{
    *last += seq_diff(seq - base, (uint32_t)(uint64_t)*last);
    return *last;
}

/* ---- words of the language ---- */

static void put_point(struct tca_explain *ex, int64_t time_ns, int64_t at)
{
    tca_buf_char(&ex->out, ' ');
    tca_buf_seconds(&ex->out, time_ns, 6);
    tca_buf_char(&ex->out, ' ');
    tca_buf_i64(&ex->out, at);
}

static void put_mark(struct tca_explain *ex, const char *mark, int64_t time_ns, int64_t at)
{
    tca_buf_str(&ex->out, mark);
    put_point(ex, time_ns, at);
    tca_buf_char(&ex->out, '\n');
}

static void put_words(struct tca_explain *ex, const char *words, int64_t time_ns, int64_t at)
{
    put_mark(ex, "atext", time_ns, at);
    tca_buf_fmt(&ex->out, "%s\n", words);
}

static void put_line(struct tca_explain *ex, int64_t time_ns, int64_t at, int64_t to_ns, int64_t to)
{
    tca_buf_str(&ex->out, "line");
    put_point(ex, time_ns, at);
    put_point(ex, to_ns, to);
    tca_buf_char(&ex->out, '\n');
}

/* ---- what the direction's sender sent ---- */

static void put_reset(struct tca_explain *ex, const struct told_segment *told, int64_t at)
{
    tca_buf_str(&ex->out, "red\n");
    put_words(ex, told->ignored ? "RST X" : "RST", told->t->time_ns, at);
}

static void put_payload(struct tca_explain *ex, const struct told_segment *told, int64_t at)
{
    const struct tca_trace *t = told->t;
    int64_t end = at + t->len;
    tca_buf_str(&ex->out, told->repeat ? "red\n" : "white\n");
    put_mark(ex, "darrow", t->time_ns, at);
    put_mark(ex, "uarrow", t->time_ns, end);
    put_line(ex, t->time_ns, at, t->time_ns, end);
    if (told->repeat)
        put_words(ex, "R", t->time_ns, end);
}

static void put_control(struct tca_explain *ex, const struct told_segment *told, int64_t at)
{
    const struct tca_trace *t = told->t;
    tca_buf_str(&ex->out, "orange\n");
    put_mark(ex, t->flags & TCA_SYN ? "diamond" : "box", t->time_ns, at);
    put_line(ex, t->time_ns, at, t->time_ns, at + 1);
    put_words(ex, t->flags & TCA_SYN ? "SYN" : "FIN", t->time_ns, at + 1);
}

static void put_sent(struct tca_explain *ex, struct plot *plot, const struct told_segment *told)
{
    const struct tca_trace *t = told->t;
    int64_t at = unwrapped(&plot->sent, t->seq, ex->sender[t->from].base);
    bool syn = t->flags & TCA_SYN;
    if (t->flags & TCA_RST) {
        put_reset(ex, told, at);
        return;
    }
    if (syn)
        put_control(ex, told, at);
    if (t->len)
        put_payload(ex, told, at + syn);
    if ((t->flags & TCA_FIN) && !syn)
        put_control(ex, told, at + t->len);
    if (!syn && !t->len && !(t->flags & TCA_FIN)) {
        tca_buf_str(&ex->out, "white\n");
        put_mark(ex, "dot", t->time_ns, at);
    }
    if (told->ignored) {
        tca_buf_str(&ex->out, "red\n");
        put_words(ex, "X", t->time_ns, at);
    }
}

/* ---- what the other end told of it ---- */

static void put_edge(struct tca_explain *ex, struct edge *edge, const char *colour, const char *tick,
                     int64_t time_ns, int64_t at)
{
    tca_buf_fmt(&ex->out, "%s\n", colour);
    if (edge->known)
        put_line(ex, edge->time_ns, edge->at, time_ns, edge->at);
    if (edge->known && at == edge->at)
        put_mark(ex, tick, time_ns, at);
    else if (edge->known)
        put_line(ex, time_ns, edge->at, time_ns, at);
    *edge = (struct edge){.at = at, .time_ns = time_ns, .known = true};
}

static void put_told(struct tca_explain *ex, struct plot *plot, const struct tca_trace *t)
{
    const struct tca_side *side = &explain_mirror(ex)->side[t->from];
    if (!(t->flags & TCA_ACK) || (t->flags & TCA_RST))
        return;
    int64_t at = unwrapped(&plot->acked, t->ack, ex->sender[!t->from].base);
    unsigned shift = t->flags & TCA_SYN || !side->wscale_known ? 0 : side->wscale;
    put_edge(ex, &plot->ack, "green", "dtick", t->time_ns, at);
    put_edge(ex, &plot->window, "yellow", "utick", t->time_ns, at + ((int64_t)t->window << shift));
}

/* ---- both graphs ---- */

static void begin_graph(struct tca_explain *ex)
{
    const struct tca_dossier *d = ex->view->c->d;
    int from = ex->turn;
    tca_plot_free(ex->plot);
    ex->plot = tca_alloc(sizeof *ex->plot);
    ex->out.failed |= !ex->plot;
    if (from)
        tca_buf_str(&ex->out, "new_plotter\n");
    tca_buf_str(&ex->out, "timeval double\ntitle\n");
    tca_text_endpoint(&ex->out, ex->view->capture->anon, d->addr[from], d->family, d->port[from]);
    tca_buf_str(&ex->out, "_==>_");
    tca_text_endpoint(&ex->out, ex->view->capture->anon, d->addr[!from], d->family, d->port[!from]);
    tca_buf_str(&ex->out, " (time sequence graph)\nxlabel\ntime\nylabel\nsequence number\n");
}

static void put_segment(struct tca_explain *ex, const struct told_segment *told)
{
    if (!ex->plot || told->t->icmp || told->t->capture_copy)
        return;
    if (told->t->from == ex->turn)
        put_sent(ex, ex->plot, told);
    else
        put_told(ex, ex->plot, told->t);
}

static void end_graph(struct tca_explain *ex)
{
    if (ex->turn)
        tca_buf_str(&ex->out, "go\n");
}

const struct tca_explain_form tca_explain_xplot = {
    .name = "xplot", .turns = 2, .head = begin_graph, .segment = put_segment, .end = end_graph};
