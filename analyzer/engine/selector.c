/* SPDX-License-Identifier: MIT
 *
 * Selectors: which flow a person means. Each kind has a parser in one table and a test on a judged flow.
 */
#include "engine/run.h"

#include "report/community.h"
#include "report/nearest.h"

#include <stdlib.h>
#include <string.h>

/* "c2:17" or "17". */
static bool parse_number(const char *text, struct tca_selector *sel)
{
    char *end;
    if (*text == 'c') {
        unsigned long capture = strtoul(text + 1, &end, 10);
        if (end == text + 1 || *end != ':' || !capture || capture > UINT32_MAX)
            return false;
        sel->capture = (uint32_t)capture;
        text = end + 1;
    }
    if (*text < '0' || *text > '9')
        return false;
    sel->number = strtoull(text, &end, 10);
    return !*end;
}

static bool parse_flow(const char *text, struct tca_selector *sel)
{
    unsigned capture;
    unsigned long long frame;
    int used = 0;
    if (sscanf(text, "c%uf%llu%n", &capture, &frame, &used) != 2 || text[used] || !capture)
        return false;
    sel->capture = capture;
    sel->number = frame;
    return true;
}

static bool parse_cid(const char *text, struct tca_selector *sel)
{
    if (strlen(text) >= sizeof sel->cid)
        return false;
    memcpy(sel->cid, text, strlen(text) + 1);
    return true;
}

static bool parse_finding(const char *text, struct tca_selector *sel)
{
    char id[80];
    size_t length = strcspn(text, ":");
    if (length >= sizeof id)
        return false;
    memcpy(id, text, length);
    id[length] = '\0';
    const struct tca_finding *finding = tca_finding_by_id(id);
    sel->number = 1;
    if (finding)
        sel->finding = (int)(finding - tca_findings);
    return finding && finding->scope == TCA_SCOPE_FLOW &&
           (!text[length] || (parse_number(text + length + 1, sel) && sel->number > 0));
}

/* Why parse_finding() refused: a listener's finding, a wrong K or an unknown id. */
static int refuse_finding(const char *text, struct tca_error *error)
{
    char id[80];
    size_t length = strcspn(text, ":");
    snprintf(id, sizeof id, "%.*s", (int)(length < sizeof id ? length : sizeof id - 1), text);
    const struct tca_finding *finding = tca_finding_by_id(id);
    if (finding && finding->scope != TCA_SCOPE_FLOW)
        return tca_fail(error, TCA_EUSAGE,
                        "%s belongs to a listener, not to one connection: explain one that it hit, with "
                        "finding=syn_drop_accept_full, finding=synack_ladder_accept_overflow or "
                        "finding=rst_abort_on_overflow",
                        id);
    if (finding)
        return tca_fail(error, TCA_EUSAGE,
                        "selector 'finding=%s': K is a number from 1 on: write finding=%s:2 for the second",
                        text, id);
    const char *near = tca_nearest_finding(id);
    return tca_fail(error, TCA_EUSAGE, "no finding '%s': %s%s%s", id,
                    near ? "did you mean '" : "see tcpautopsy findings", near ? near : "", near ? "'?" : "");
}

static const struct {
    const char *prefix;
    int kind;
    bool (*parse)(const char *text, struct tca_selector *sel);
} kinds[] = {
    {"stream=", SELECT_STREAM, parse_number},    {"frame=", SELECT_FRAME, parse_number},
    {"flow=", SELECT_FLOW, parse_flow},          {"cid=", SELECT_CID, parse_cid},
    {"finding=", SELECT_FINDING, parse_finding},
};

/* IP:PORT-IP:PORT[@TIME] */
static bool parse_tuple(const char *text, struct tca_selector *sel)
{
    const char *at = strchr(text, '@'), *dash = strchr(text, '-');
    size_t length = at ? (size_t)(at - text) : strlen(text);
    if (!dash || (size_t)(dash - text) >= length)
        return false;
    sel->kind = SELECT_TUPLE;
    sel->has_time = at != NULL;
    return tca_parse_endpoint(text, (size_t)(dash - text), sel->addr[0], &sel->port[0]) &&
           tca_parse_endpoint(dash + 1, length - (size_t)(dash + 1 - text), sel->addr[1], &sel->port[1]) &&
           (!at || tca_parse_time(at + 1, &sel->time_ns));
}

int tca_selector_parse(const char *text, struct tca_selector *sel, struct tca_error *error)
{
    memset(sel, 0, sizeof *sel);
    for (size_t at = 0; at < sizeof kinds / sizeof *kinds; at++) {
        size_t length = strlen(kinds[at].prefix);
        if (strncmp(text, kinds[at].prefix, length))
            continue;
        sel->kind = kinds[at].kind;
        if (kinds[at].parse(text + length, sel))
            return TCA_OK;
        if (sel->kind == SELECT_FINDING)
            return refuse_finding(text + length, error);
        return tca_fail(error, TCA_EUSAGE, "selector '%s': bad value after %s", text, kinds[at].prefix);
    }
    if (parse_tuple(text, sel))
        return TCA_OK;
    return tca_fail(error, TCA_EUSAGE,
                    "selector '%s': wants stream=N, frame=N, flow=c1f3456, cid=1:..., finding=ID[:K] or "
                    "IP:PORT-IP:PORT[@TIME]",
                    text);
}

static bool fits_tuple(const struct tca_selector *sel, const struct tca_dossier *d)
{
    bool same = false;
    for (int flip = 0; flip < 2 && !same; flip++)
        same = d->port[flip] == sel->port[0] && d->port[1 - flip] == sel->port[1] &&
               !memcmp(d->addr[flip], sel->addr[0], 16) && !memcmp(d->addr[1 - flip], sel->addr[1], 16);
    /* Whole seconds are enough to name a moment: the flow must have lived in that second. */
    return same &&
           (!sel->has_time || (d->m.start_ns < sel->time_ns + 1000000000 && d->m.last_ns >= sel->time_ns));
}

static bool fits_finding(struct tca_selector *sel, const struct tca_verdict *v)
{
    for (unsigned at = 0; at < v->count; at++)
        if ((int)v->judgement[at].id == sel->finding)
            return ++sel->seen == sel->number;
    return false;
}

bool tca_selector_fits(struct tca_selector *sel, const struct tca_flow_view *view)
{
    const struct tca_dossier *d = view->c->d;
    const bool by_stream = sel->kind == SELECT_STREAM; /* numbered in the file in which it began */
    const struct tca_spot begun =
        tca_spot_of(view->capture->spots, d->capture, by_stream ? d->stream_frame : d->id_frame);
    if (sel->capture && sel->capture != begun.ordinal)
        return false;
    switch (sel->kind) {
    case SELECT_STREAM:
        return d->tcp_stream != TCA_NO_STREAM && d->tcp_stream == sel->number;
    case SELECT_FRAME: /* the trace has turned the frame into its flow */
    case SELECT_FLOW:
        return begun.frame == sel->number;
    case SELECT_CID: {
        struct tca_buf id = {0};
        tca_community_id(d, view->capture->anon, TCA_COMMUNITY_SEED, &id);
        bool same = !strcmp(tca_buf_text(&id), sel->cid);
        tca_buf_done(&id);
        return same;
    }
    case SELECT_TUPLE:
        return fits_tuple(sel, d);
    case SELECT_FINDING:
        return fits_finding(sel, view->v);
    }
    return false;
}
