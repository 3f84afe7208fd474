/* SPDX-License-Identifier: MIT
 *
 * The worst connections, each with a ladder to unfold. Worst is by severity, then confidence, then whether the service ever
 * answered, then how long the client waited, in doublings; among equals the first one stays. So a place changes hands a
 * bounded number of times, and ladders are drawn at once, while the connection is at hand.
 */
#include "base/alloc.h"
#include "report/picture.h"
#include "report/web.h"

#include <string.h>

/* ---- the ladder ---- */

static void end_inset(struct tca_explain *ex)
{
    const struct picture *picture = tca_picture_rows(ex);
    struct canvas c;
    if (!picture)
        return;
    tca_canvas_begin(&c, ex, picture);
    c.nameless = true;
    tca_picture_strips(ex, &c);
    tca_canvas_done(&c);
}

static const struct picture_room inset_room = {16, 10, 5};
static const struct tca_explain_form inset = {.name = "inset",
                                              .room = &inset_room,
                                              .turns = 1,
                                              .head = tca_picture_begin,
                                              .entry = tca_picture_entry,
                                              .end = end_inset};

/* A tca_write_fn. */
static int keep(void *user, const void *bytes, size_t count)
{
    struct tca_buf *out = user;
    tca_buf_add(out, bytes, count);
    return out->failed ? -1 : 0;
}

static void put_ladder(const struct tca_flow_view *view, struct tca_buf *out)
{
    struct tca_buf ladder = {0};
    struct tca_explain *ex;
    int error = tca_explain_new(view, &inset, keep, &ladder, &ex);
    if (!error) {
        error = tca_explain_marks(ex);
        if (!error)
            tca_explain_again(ex);
        int end = tca_explain_end(ex);
        error = error ? error : end;
    }
    out->failed |= error != 0 || ladder.failed;
    if (ladder.used <= WEB_LADDER_BYTES)
        tca_buf_add(out, ladder.bytes, ladder.used);
    else
        tca_buf_str(out, "<p class=\"small\">Its ladder is too long for this page.</p>\n");
    tca_buf_done(&ladder);
}

/* ---- its words ---- */

static void put_finding(const struct tca_flow_view *view, const struct tca_judgement *j, int number,
                        struct tca_buf *out)
{
    const struct tca_finding *f = &tca_findings[j->id];
    struct tca_sentence sentence = {""};
    tca_judgement_say(view->c, j, &sentence);
    tca_buf_fmt(out, "<li class=\"%s\"><b>", tca_severity_name(f->severity));
    if (tca_picture_marked(j))
        tca_buf_fmt(out, "<span class=\"chip\">%d</span> ", number);
    tca_buf_fmt(out, "%s</b> (%s, %s): ", f->id, tca_severity_name(f->severity),
                tca_confidence_name(j->confidence));
    tca_svg_escape(out, sentence.text[0] ? sentence.text : f->meaning);
    tca_buf_str(out, "</li>\n");
}

static void put_findings(const struct tca_flow_view *view, struct tca_buf *out)
{
    const struct tca_verdict *v = view->v;
    tca_buf_str(out, "<ol class=\"found\">\n");
    for (int at = 0; at < v->count; at++)
        put_finding(view, &v->judgement[at], at + 1, out);
    tca_buf_str(out, "</ol>\n");
}

static void put_selector(const struct tca_flow_view *view, struct tca_buf *out)
{
    const struct tca_dossier *d = view->c->d;
    tca_buf_str(out, "flow=");
    tca_text_flow_id(out, view->capture, d->capture, d->id_frame);
}

static void put_title(const struct tca_flow_view *view, struct tca_buf *out)
{
    const struct tca_dossier *d = view->c->d;
    const struct tca_judgement *j = &view->v->judgement[view->v->verdict];
    tca_buf_fmt(out, "<summary><span class=\"%s\"><span class=\"chip\">%s</span></span> ",
                tca_severity_name(tca_findings[j->id].severity), tca_findings[j->id].id);
    tca_text_endpoint(out, view->capture->anon, d->addr[TCA_CLIENT], d->family, d->port[TCA_CLIENT]);
    tca_buf_str(out, " to ");
    tca_text_endpoint(out, view->capture->anon, d->addr[TCA_SERVER], d->family, d->port[TCA_SERVER]);
    tca_buf_str(out, ", ");
    tca_buf_iso(out, d->m.start_ns, 3);
    tca_buf_str(out, "</summary>\n");
}

static void put_counts(const struct tca_flow_view *view, struct tca_buf *out)
{
    const struct tca_dossier *d = view->c->d;
    uint64_t all = d->m.side[TCA_CLIENT].pkts + d->m.side[TCA_SERVER].pkts, kept = tca_explain_kept(d);
    tca_buf_str(out, "<p class=\"small\">");
    if (kept < all)
        tca_buf_fmt(
            out,
            "Drawn of %llu of its %llu segments, those that decide; what is between two of them is not "
            "silence. All: ",
            (unsigned long long)kept, (unsigned long long)all);
    else
        tca_buf_str(out, "All its segments; as text: ");
    tca_buf_str(out, "<code>tcpautopsy explain ");
    put_selector(view, out);
    tca_buf_str(out, " CAPTURE...</code>, with the captures of this report in their order</p>\n");
}

static void draw(struct web_flow *flow, const struct tca_flow_view *view)
{
    tca_buf_reset(&flow->html);
    tca_buf_str(&flow->html, "<details>\n");
    put_title(view, &flow->html);
    put_findings(view, &flow->html);
    tca_buf_str(&flow->html, "<div class=\"ladder\">\n");
    put_ladder(view, &flow->html);
    tca_buf_str(&flow->html, "</div>\n");
    put_counts(view, &flow->html);
    tca_buf_str(&flow->html, "</details>\n");
}

/* ---- which ---- */

/* Seconds that the client waited for the service, in doublings. */
static uint64_t patience_of(const struct tca_dossier *d)
{
    enum { MOST = 31 };
    int64_t word_ns = d->m.side[TCA_SERVER].first_data_ns;
    int64_t waited_ns = (word_ns >= 0 ? word_ns : d->m.last_ns) - d->m.start_ns;
    uint64_t doublings = 0;
    for (int64_t s = waited_ns / 1000000000; s > 0 && doublings < MOST; s /= 2)
        doublings++;
    return doublings;
}

static uint64_t key_of(const struct tca_flow_view *view)
{
    const struct tca_judgement *j = &view->v->judgement[view->v->verdict];
    uint64_t severity = tca_findings[j->id].severity, confidence = (uint64_t)j->confidence;
    uint64_t unanswered = view->c->d->m.side[TCA_SERVER].first_data_ns < 0;
    return severity << 16 | confidence << 12 | unanswered << 8 | patience_of(view->c->d);
}

static bool is_alike(const struct web_flow *flow, enum tca_finding_id id, const struct tca_dossier *d)
{
    return flow->id == id && flow->port == d->port[TCA_SERVER] &&
           !memcmp(flow->addr, d->addr[TCA_SERVER], sizeof flow->addr);
}

/* The place that it gets: a free one, or that of whoever is less bad; WEB_FLOWS: none. They are in order, the worst first. */
static size_t place_for(const struct tca_web *web, uint64_t key, enum tca_finding_id id,
                        const struct tca_dossier *d)
{
    size_t alike = 0, last = WEB_FLOWS;
    for (size_t at = 0; at < web->flow_count; at++)
        if (is_alike(&web->flow[at], id, d)) {
            alike++;
            last = at;
        }
    if (alike >= WEB_ALIKE)
        return web->flow[last].key < key ? last : WEB_FLOWS;
    if (web->flow_count < WEB_FLOWS)
        return web->flow_count;
    return web->flow[WEB_FLOWS - 1].key < key ? WEB_FLOWS - 1 : WEB_FLOWS;
}

/* From its place up to where it belongs: behind those that are as bad. */
static void rise(struct web_flow *flow, size_t at)
{
    for (; at > 0 && flow[at - 1].key < flow[at].key; at--) {
        struct web_flow other = flow[at - 1];
        flow[at - 1] = flow[at];
        flow[at] = other;
    }
}

void tca_web_worst(struct tca_web *web, const struct tca_flow_view *view)
{
    const struct tca_dossier *d = view->c->d;
    if (view->v->verdict < 0 || view->c->again ||
        tca_findings[view->v->judgement[view->v->verdict].id].severity < TCA_SEVERITY_LOW)
        return;
    const enum tca_finding_id id = view->v->judgement[view->v->verdict].id;
    const uint64_t key = key_of(view);
    size_t at = place_for(web, key, id, d);
    if (at == WEB_FLOWS)
        return;
    struct web_flow *flow = &web->flow[at];
    web->flow_count += at == web->flow_count;
    flow->key = key;
    flow->id = id;
    flow->port = d->port[TCA_SERVER];
    memcpy(flow->addr, d->addr[TCA_SERVER], sizeof flow->addr);
    draw(flow, view);
    web->failed |= flow->html.failed;
    rise(web->flow, at);
}

void tca_web_put_flows(const struct tca_web *web, struct tca_buf *out)
{
    if (!web->flow_count)
        return;
    tca_buf_fmt(out,
                "<section>\n<h2>Worst connections</h2>\n<p class=\"small\">Of %llu rows of the table flows "
                "the verdict of %llu "
                "is of medium or high severity; at most %d with the same one at one server stand here.</p>\n",
                (unsigned long long)web->flows, (unsigned long long)web->troubled_flows, (int)WEB_ALIKE);
    for (size_t at = 0; at < web->flow_count; at++)
        tca_buf_add(out, web->flow[at].html.bytes, web->flow[at].html.used);
    tca_buf_str(out, "<p class=\"small\">A cross: judged ignored or lost. Dashed: sent again. A broken bar: "
                     "time that passed. "
                     "Numbers: the findings that rest on it.</p>\n</section>\n");
}
