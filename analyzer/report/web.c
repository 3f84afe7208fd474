/* SPDX-License-Identifier: MIT
 *
 * The report page: what it is told, and how it is put together. Its policy allows its own styles and nothing else; whatever a
 * capture had put into it stays words, since all texts go through tca_svg_escape().
 */
#include "report/web.h"

#include "base/alloc.h"
#include "report/picture.h"

#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

/* clang-format off */
static const char page_style[] =
    "html{color-scheme:light dark;-webkit-text-size-adjust:100%}"
    "body{margin:0 auto;max-width:48rem;padding:.8rem;font:15px/1.45 Arial,Helvetica,'Liberation Sans',sans-serif;"
    "color:#111827;background:#fff;overflow-wrap:anywhere}"
    "h1{font-size:1.35rem;margin:0 0 .4rem}h2{font-size:1.15rem;margin:1.6rem 0 .4rem}h3{font-size:1rem;margin:.9rem 0 .3rem}"
    "p{margin:.25rem 0}.small{font-size:.82rem;color:#4b5563;font-weight:normal}"
    ".card{margin:.7rem 0;padding:.5rem .7rem;border-left:.35rem solid #d1d5db;background:#f9fafb;break-inside:avoid}"
    ".card .head{font-weight:bold;font-size:1.08rem}.card.high{border-color:#b91c1c;background:#fef2f2}"
    ".card.medium{border-color:#b45309;background:#fffaf0}.card.low{border-color:#7a6200}.card.fine{border-color:#15803d;background:#f0fdf4}"
    ".command,code{font-family:ui-monospace,'DejaVu Sans Mono','Liberation Mono',monospace;font-size:.85rem}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem;margin:.3rem 0}"
    "th,td{overflow-wrap:normal;text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0;border-bottom:1px solid #e5e7eb}th{font-weight:bold}"
    "td:first-child{overflow-wrap:anywhere;min-width:9em}"
    "svg{display:block;width:100%;height:auto}.chart{max-width:44rem;margin:.5rem 0}.ladder{max-width:40rem}"
    "details{margin:.5rem 0;padding:.35rem .6rem;border:1px solid #d1d5db;border-radius:.3rem}summary{cursor:pointer}"
    ".found{padding-left:0;list-style:none;font-size:.88rem;margin:.4rem 0}.found li{margin:.2rem 0}"
    ".chip{display:inline-block;padding:0 .35em;border-radius:.25em;color:#fff;background:#4f5f9c;font-size:.85em;"
    "print-color-adjust:exact;-webkit-print-color-adjust:exact}"
    ".low .chip{background:#7a6200}.medium .chip{background:#b45309}.high .chip{background:#b91c1c}"
    ".key{padding:0 .3em;border-radius:.2em;color:#111827}.full-key{background:#fecaca}.stall-key{background:#fef3c7}"
    "@media (prefers-color-scheme:dark){body{color:#f3f4f6;background:#0f172a}.small{color:#a5afbd}"
    ".card{background:#1b2434;border-color:#475569}.card.high{background:#33161a;border-color:#f87171}"
    ".card.medium{background:#2f2412;border-color:#f59e0b}.card.fine{background:#11281b;border-color:#4ade80}"
    "th,td{border-color:#334155}details{border-color:#475569}"
    ".key{color:#f3f4f6}.full-key{background:#4c1416}.stall-key{background:#3a2f0b}}"
    "@media print{body{max-width:none;padding:0;font-size:10pt}.chart,.strip,tr,li{break-inside:avoid}"
    "svg{print-color-adjust:exact;-webkit-print-color-adjust:exact}.scroll{overflow:visible}}";
/* clang-format on */

int tca_web_new(struct tca_web **ret_web)
{
    struct tca_web *web = tca_alloc(sizeof *web);
    *ret_web = web;
    if (!web)
        return TCA_EMEMORY;
    web->first_ns = web->last_ns = -1;
    web->panel = tca_alloc(WEB_PANELS * sizeof *web->panel);
    return web->panel ? TCA_OK : TCA_EMEMORY;
}

void tca_web_free(struct tca_web *web)
{
    if (!web)
        return;
    for (size_t at = 0; at < WEB_FLOWS; at++)
        tca_buf_done(&web->flow[at].html);
    tca_buf_done(&web->captures);
    tca_buf_done(&web->incidents);
    tca_free(web->panel);
    tca_free(web);
}

/* ---- told ---- */

static void put_cell(struct tca_buf *out, const char *text)
{
    tca_buf_str(out, "<td>");
    tca_svg_escape(out, text);
    tca_buf_str(out, "</td>");
}

static void put_count(struct tca_buf *out, uint64_t count)
{
    tca_buf_fmt(out, "<td>%llu</td>", (unsigned long long)count);
}

static void put_time(struct tca_buf *out, int64_t time_ns)
{
    tca_buf_str(out, "<td>");
    if (time_ns >= 0)
        tca_buf_iso(out, time_ns, 3);
    tca_buf_str(out, "</td>");
}

static void put_capture(struct tca_buf *out, const struct tca_capture_facts *facts)
{
    tca_buf_str(out, "<tr>");
    put_cell(out, facts->name);
    put_cell(out, facts->status);
    put_count(out, facts->packets);
    put_count(out, facts->flows);
    put_time(out, facts->first_ns);
    put_time(out, facts->last_ns);
    put_cell(out, tca_vantage_name(facts->vantage));
    tca_buf_str(out, "<td>");
    if (facts->has_drops)
        tca_buf_u64(out, facts->drops);
    tca_buf_str(out, "</td>");
    put_cell(out, facts->message);
    put_cell(out, facts->anon && facts->comment[0] ? TCA_LEFT_OUT : facts->comment);
    tca_buf_str(out, "</tr>\n");
}

int tca_web_capture(struct tca_web *web, const struct tca_capture_facts *facts)
{
    if (web->capture_count++ < WEB_CAPTURES)
        put_capture(&web->captures, facts);
    if (facts->first_ns >= 0) {
        web->first_ns =
            web->first_ns < 0 || facts->first_ns < web->first_ns ? facts->first_ns : web->first_ns;
        web->last_ns = facts->last_ns > web->last_ns ? facts->last_ns : web->last_ns;
    }
    web->packets += facts->packets;
    return web->captures.failed ? TCA_EMEMORY : TCA_OK;
}

static void put_where(struct tca_buf *out, const struct tca_incident *one,
                      const struct tca_capture_facts *capture)
{
    tca_buf_str(out, "<td>");
    if (one->scope == TCA_SCOPE_LISTENER)
        tca_text_endpoint(out, capture->anon, one->addr, one->family, one->port);
    else if (one->scope == TCA_SCOPE_HOST)
        tca_anon_ip(out, capture->anon, one->addr, one->family);
    else
        tca_svg_escape(out, capture->name);
    tca_buf_str(out, "</td>");
}

int tca_web_incident(struct tca_web *web, const struct tca_incident *one,
                     const struct tca_capture_facts *capture)
{
    const struct tca_finding *f = &tca_findings[one->id];
    struct tca_buf *out = &web->incidents;
    if (web->incident_count++ >= WEB_INCIDENTS)
        return TCA_OK;
    tca_buf_fmt(out, "<tr class=\"%s\"><td><span class=\"chip\">%s</span></td>",
                tca_severity_name(f->severity), f->id);
    put_where(out, one, capture);
    put_time(out, one->first_ns);
    tca_buf_str(out, "<td>");
    tca_buf_seconds(out, one->last_ns - one->first_ns, 3);
    tca_buf_str(out, " s</td>");
    put_cell(out, tca_confidence_name(one->confidence));
    put_cell(out, one->text);
    tca_buf_str(out, "</tr>\n");
    return out->failed ? TCA_EMEMORY : TCA_OK;
}

/* ---- which listeners ---- */

/* A full accept queue first: as the best place showed it, the surest, by those that it hit; then what else is grave. 0: not in
 * trouble. */
static uint64_t rank_of(const struct tca_listener *l, const struct tca_incident *incident,
                        const struct tca_capture_facts *capture)
{
    const uint64_t most = (UINT64_C(1) << 32) - 1;
    uint64_t severity = incident ? tca_findings[incident->id].severity : 0, confidence = 0;
    uint64_t many = l->episode_count ? l->hit_flows : incident ? incident->flows : 0;
    for (int at = 0; at < l->episode_count; at++)
        confidence = l->episode[at].confidence > confidence ? l->episode[at].confidence : confidence;
    if (!l->episode_count && severity < TCA_SEVERITY_MEDIUM)
        return 0;
    return (uint64_t)(l->episode_count > 0) << 44 | (uint64_t)!capture->shadowed << 43 | confidence << 40 |
           severity << 36 | (many < most ? many : most);
}

static bool same_listener(const struct tca_listener *a, const struct tca_listener *b)
{
    return a->port == b->port && !memcmp(a->addr, b->addr, sizeof a->addr);
}

/* Where it goes: in place of what another capture told of it, or a free place, or that of the least. NULL: nowhere. */
static struct web_panel *panel_for(struct tca_web *web, const struct tca_listener *l, uint64_t rank)
{
    struct web_panel *least = NULL;
    for (size_t at = 0; at < web->panels; at++) {
        struct web_panel *one = &web->panel[at];
        if (same_listener(&one->listener, l))
            return one->rank < rank ? one : NULL;
        if (!least || one->rank < least->rank)
            least = one;
    }
    if (web->panels < WEB_PANELS)
        return &web->panel[web->panels++];
    return least->rank < rank ? least : NULL;
}

int tca_web_listener(struct tca_web *web, const struct tca_listener *listener,
                     const struct tca_incident *incident, const struct tca_capture_facts *capture)
{
    uint64_t rank = rank_of(listener, incident, capture);
    web->troubled_listeners += rank > 0;
    struct web_panel *panel = rank ? panel_for(web, listener, rank) : NULL;
    if (!panel)
        return TCA_OK;
    panel->listener = *listener;
    memcpy(panel->episode, listener->episode, listener->episode_count * sizeof panel->episode[0]);
    panel->listener.episode = panel->episode;
    panel->capture = capture;
    panel->has_worst = incident != NULL;
    if (incident)
        panel->worst = *incident;
    panel->rank = rank;
    return TCA_OK;
}

static int compare_panels(const void *left, const void *right)
{
    const struct web_panel *a = left, *b = right;
    if (a->rank != b->rank)
        return a->rank > b->rank ? -1 : 1;
    int order = memcmp(a->listener.addr, b->listener.addr, sizeof a->listener.addr);
    return order ? order : (int)a->listener.port - (int)b->listener.port;
}

/* The time that a panel shows: of its full queue; of another incident its own. */
static void frame_panel(struct web_panel *panel)
{
    const struct tca_timeline *t = panel->listener.timeline;
    if (!panel->listener.episode_count)
        panel->listener.timeline = t = NULL;
    if (t) {
        panel->from_ns = t->from_ns;
        panel->width_ns = t->width_ns;
    } else {
        tca_timeline_frame(panel->worst.first_ns, panel->worst.last_ns, panel->capture->first_ns,
                           panel->capture->end_ns, &panel->from_ns, &panel->width_ns);
    }
}

void tca_web_begin(struct tca_web *web)
{
    qsort(web->panel, web->panels, sizeof web->panel[0], compare_panels);
    for (size_t at = 0; at < web->panels; at++) {
        web->panel[at].listener.episode = web->panel[at].episode; /* it has moved */
        frame_panel(&web->panel[at]);
    }
    const int64_t first_ns = web->first_ns < 0 ? 0 : web->first_ns,
                  last_ns = web->first_ns < 0 ? 0 : web->last_ns;
    tca_timeline_frame(first_ns, last_ns, first_ns, last_ns, &web->states_from_ns, &web->states_width_ns);
}

int tca_web_flow(struct tca_web *web, const struct tca_flow_view *view)
{
    if (!view->c->again) {
        web->flows++;
        web->troubled_flows += tca_web_troubled(view->v);
    }
    for (size_t at = 0; at < web->panels; at++)
        if (tca_web_at(&web->panel[at], view->c->d))
            tca_web_panel_flow(&web->panel[at], view);
    tca_web_worst(web, view);
    return web->failed ? TCA_EMEMORY : TCA_OK;
}

/* ---- written ---- */

static void put_head(const struct tca_web *web, struct tca_buf *out)
{
    tca_buf_str(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                     "'unsafe-inline'\"/>\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                     "<title>tcpautopsy report</title>\n<style>");
    tca_buf_str(out, page_style);
    tca_buf_str(out, tca_picture_style);
    tca_buf_str(out, tca_chart_style);
    tca_buf_str(out, "</style>\n</head>\n<body>\n<header>\n<h1>tcpautopsy report</h1>\n");
    tca_buf_fmt(out, "<p class=\"small\">%llu capture%s, %llu packets",
                (unsigned long long)web->capture_count, web->capture_count == 1 ? "" : "s",
                (unsigned long long)web->packets);
    if (web->first_ns >= 0) {
        tca_buf_str(out, ", ");
        tca_buf_iso(out, web->first_ns, 3);
        tca_buf_str(out, " to ");
        tca_buf_iso(out, web->last_ns, 3);
    }
    tca_buf_str(out, "</p>\n</header>\n<main>\n");
}

static void put_table(const struct tca_buf *rows, const char *title, const char *head, uint64_t more,
                      const char *where, struct tca_buf *out)
{
    if (!rows->used)
        return;
    tca_buf_fmt(out,
                "<section>\n<h2>%s</h2>\n<div class=\"scroll\"><table><thead><tr>%s</tr></thead>\n<tbody>\n",
                title, head);
    tca_buf_add(out, rows->bytes, rows->used);
    tca_buf_str(out, "</tbody></table></div>\n");
    if (more)
        tca_buf_fmt(out, "<p class=\"small\">%llu more are in %s.</p>\n", (unsigned long long)more, where);
    tca_buf_str(out, "</section>\n");
}

static uint64_t beyond(uint64_t count, uint64_t most)
{
    return count > most ? count - most : 0;
}

static void put_panels(struct tca_web *web, struct tca_buf *out)
{
    for (size_t at = 0; at < web->panels; at++) {
        tca_web_panel_end(&web->panel[at]);
        tca_web_put_panel(&web->panel[at], web, out);
    }
    if (web->troubled_listeners > web->panels)
        tca_buf_fmt(out,
                    "<p class=\"small\">%llu more rows of listeners in trouble, others or these in other "
                    "captures, are in "
                    "the table listeners.</p>\n",
                    (unsigned long long)(web->troubled_listeners - web->panels));
}

int tca_web_write(struct tca_web *web, const char *summary, tca_write_fn *fn, void *user)
{
    struct tca_buf out = {0};
    put_head(web, &out);
    tca_web_put_summary(summary, &out);
    put_panels(web, &out);
    tca_web_put_states(web, &out);
    tca_web_put_flows(web, &out);
    put_table(&web->incidents, "Incidents",
              "<th>finding</th><th>where</th><th>since</th><th>for</th><th>confidence</th><th>what</th>",
              beyond(web->incident_count, WEB_INCIDENTS), "the table events", &out);
    put_table(
        &web->captures, "Captures",
        "<th>capture</th><th>status</th><th>packets</th><th>connections</th><th>first packet</th><th>last "
        "packet</th><th>taken at</th><th>lost while captured</th><th>message</th><th>comment</th>",
        beyond(web->capture_count, WEB_CAPTURES), "the table captures", &out);
    tca_buf_str(&out, "</main>\n</body>\n</html>\n");
    int error = out.failed || web->failed       ? TCA_EMEMORY
                : fn(user, out.bytes, out.used) ? TCA_EOUTPUT
                                                : TCA_OK;
    tca_buf_done(&out);
    return error;
}
