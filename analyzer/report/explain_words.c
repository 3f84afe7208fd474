/* SPDX-License-Identifier: MIT
 *
 * Explain: what the text and the pictures say in the same words.
 */
#include "report/explain_own.h"

#include "classify/sweep/nat.h"

#include <string.h>

const char *const tca_explain_role[2] = {[TCA_CLIENT] = "client", [TCA_SERVER] = "server"};
const char tca_explain_parting[] = "here they part: the client is ESTABLISHED, the server stays in SYN_RECV";

/* ---- times and places ---- */

void tca_explain_time(const struct tca_explain *ex, int64_t time_ns, struct tca_buf *out)
{
    struct tca_buf iso = {0};
    switch (ex->view->time) {
    case TCA_TIME_ISO: /* the date is in the head */
        tca_buf_iso(&iso, time_ns, 6);
        const char *clock = strchr(tca_buf_text(&iso), 'T');
        tca_buf_str(out, clock ? clock + 1 : tca_buf_text(&iso));
        break;
    case TCA_TIME_EPOCH:
        tca_buf_seconds(out, time_ns, 6);
        break;
    case TCA_TIME_NS:
        tca_buf_i64(out, time_ns);
        break;
    case TCA_TIME_REL:
        tca_buf_seconds(out, time_ns - explain_mirror(ex)->start_ns, 6);
        break;
    }
    out->failed |= iso.failed;
    tca_buf_done(&iso);
}

void tca_explain_elapsed(struct tca_buf *out, int64_t ns)
{
    tca_buf_seconds(out, ns, ns >= 1000000000 ? 2 : ns >= 1000000 ? 3 : 6);
    tca_buf_str(out, " s");
}

/* The file in which the connection begins: its frames are told by their number alone. */
static uint32_t own_file(const struct tca_explain *ex)
{
    return tca_frame_spot(ex->view->capture, explain_mirror(ex)->first_frame).ordinal;
}

void tca_explain_spot(const struct tca_explain *ex, struct tca_spot spot, struct tca_buf *out)
{
    tca_text_frame(out, own_file(ex), spot);
}

/* ---- which connection ---- */

void tca_explain_names(const struct tca_explain *ex, struct tca_buf *out)
{
    const struct tca_dossier *d = ex->view->c->d;
    if (d->tcp_stream != TCA_NO_STREAM)
        tca_buf_fmt(out, "stream=%llu  ", (unsigned long long)d->tcp_stream);
    tca_buf_str(out, "flow=");
    tca_text_flow_id(out, ex->view->capture, d->capture, d->id_frame);
    tca_buf_str(out, "  capture ");
    tca_text_clean(out, tca_file_name(ex->view->capture, own_file(ex)), true);
}

static void add_isn(const struct tca_explain *ex, int role, struct tca_buf *out)
{
    const struct tca_side *side = &explain_mirror(ex)->side[role];
    if (side->iss_known)
        tca_buf_fmt(out, "%s ISN %u", tca_explain_role[role], (unsigned)side->iss);
    else
        tca_buf_fmt(out, "%s's first one seen", tca_explain_role[role]);
}

void tca_explain_numbers(const struct tca_explain *ex, struct tca_buf *out)
{
    tca_buf_str(out, "numbers are relative to: ");
    add_isn(ex, TCA_CLIENT, out);
    tca_buf_str(out, ", ");
    add_isn(ex, TCA_SERVER, out);
}

/* Other rows that tell the same connection, or an attempt to open it. */
bool tca_explain_kin(const struct tca_explain *ex, int i, struct tca_buf *out)
{
    const struct tca_dossier *d = ex->view->c->d;
    const struct {
        bool is;
        const char *words;
        uint64_t frame;
    } kin[] = {
        {d->nat == TCA_NAT_BEFORE, "with translated addresses: flow=", d->nat_frame},
        {d->nat == TCA_NAT_AFTER, "before its addresses were translated: flow=", d->nat_frame},
        {d->attempt_of && d->attempt_of != d->id_frame, "the first attempt to open it: flow=", d->attempt_of},
    };
    for (size_t k = 0; k < sizeof kin / sizeof kin[0]; k++) {
        if (!kin[k].is || i--)
            continue;
        tca_buf_str(out, kin[k].words);
        tca_text_flow_id(out, ex->view->capture, d->capture, kin[k].frame);
        return true;
    }
    return false;
}

/* ---- what happened ---- */

void tca_explain_fold(const struct ladder_entry *e, struct tca_buf *out)
{
    tca_buf_fmt(out, "client %llu bytes (%llu pkts), server %llu (%llu)",
                (unsigned long long)e->bytes[TCA_CLIENT], (unsigned long long)e->segments[TCA_CLIENT],
                (unsigned long long)e->bytes[TCA_SERVER], (unsigned long long)e->segments[TCA_SERVER]);
}

void tca_explain_timer_words(const struct ladder_entry *e, struct tca_buf *out)
{
    tca_buf_fmt(out, "%s %s: %s", tca_explain_role[e->from],
                e->waited ? "has waited long enough" : "gives up", tca_state_name(e->state[e->from]));
}

void tca_explain_ending(const struct tca_explain *ex, struct tca_buf *out)
{
    const struct tca_mirror *m = explain_mirror(ex);
    tca_buf_fmt(out, "%s: client %s, server %s",
                m->end_ns < 0 ? "at the end of the capture" : "when the next connection took its ports",
                tca_state_name(tca_side_state(&m->side[TCA_CLIENT])),
                tca_state_name(tca_side_state(&m->side[TCA_SERVER])));
}

void tca_explain_unshown(const struct tca_explain *ex, struct tca_buf *out)
{
    const struct tca_capture_facts *capture = ex->view->capture;
    if (capture->comments_over)
        tca_buf_fmt(out, "comments of this capture's packets that are not shown, beyond the first %llu: %llu",
                    (unsigned long long)capture->comments_kept, (unsigned long long)capture->comments_over);
}

/* ---- findings ---- */

const char *tca_explain_says(const struct tca_explain *ex, const struct tca_judgement *j,
                             struct tca_sentence *sentence)
{
    const char *meaning = tca_findings[j->id].meaning;
    tca_judgement_say(ex->view->c, j, sentence);
    return sentence->text[0] ? sentence->text : meaning ? meaning : "";
}

void tca_explain_proof(const struct tca_explain *ex, const struct tca_judgement *j, int i,
                       struct tca_buf *out)
{
    tca_explain_spot(ex, tca_record_spot(ex->view->capture, j->frame_capture[i], j->frame[i]), out);
}
