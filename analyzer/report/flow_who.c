/* SPDX-License-Identifier: MIT
 *
 * Cells of flows: who talked when, where to look, and the judgements.
 */
#include "report/row.h"

#include <string.h>

void cell_flows_flow_id(const struct flow_row *row, struct tca_buf *buf)
{
    tca_text_flow_id(buf, row->capture, row->d->capture, row->d->id_frame);
}

void cell_flows_start(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_iso(buf, row->m->start_ns, 9);
}

void cell_flows_start_ns(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_i64(buf, row->m->start_ns);
}

void cell_flows_duration_s(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_seconds(buf, row->m->last_ns - row->m->start_ns, 9);
}

void cell_flows_client_ip(const struct flow_row *row, struct tca_buf *buf)
{
    tca_anon_ip(buf, row->opt->anon, row->d->addr[TCA_CLIENT], row->d->family);
}

void cell_flows_client_port(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->d->port[TCA_CLIENT]);
}

void cell_flows_server_ip(const struct flow_row *row, struct tca_buf *buf)
{
    tca_anon_ip(buf, row->opt->anon, row->d->addr[TCA_SERVER], row->d->family);
}

void cell_flows_server_port(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->d->port[TCA_SERVER]);
}

void cell_flows_role_basis(const struct flow_row *row, struct tca_buf *buf)
{
    static const char *const name[] = {
        [TCA_BASIS_SYN] = "syn",   [TCA_BASIS_SYNACK] = "synack", [TCA_BASIS_OPTION] = "option",
        [TCA_BASIS_PORT] = "port", [TCA_BASIS_ORDER] = "order",   [TCA_BASIS_USER] = "user"};
    size_t basis = row->d->role_basis;
    tca_buf_str(buf, basis < sizeof name / sizeof name[0] ? name[basis] : "unknown");
}

/* ---- judgements ---- */

static const struct tca_judgement *judgement_at(const struct tca_verdict *v, int index)
{
    return index >= 0 && index < v->count ? &v->judgement[index] : NULL;
}

static const char *without_prefix(const char *id, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(id, prefix, length) == 0 ? id + length : id;
}

static void short_id(const struct tca_judgement *j, const char *prefix, struct tca_buf *buf)
{
    tca_buf_str(buf, j ? without_prefix(tca_findings[j->id].id, prefix) : "unknown");
}

static void confidence_of(const struct tca_judgement *j, struct tca_buf *buf)
{
    if (j)
        tca_buf_str(buf, tca_confidence_name(j->confidence));
}

void cell_flows_verdict(const struct flow_row *row, struct tca_buf *buf)
{
    const struct tca_judgement *j = judgement_at(row->v, row->v->verdict);
    tca_buf_str(buf, j ? tca_findings[j->id].id : "normal");
}

void cell_flows_severity(const struct flow_row *row, struct tca_buf *buf)
{
    const struct tca_judgement *j = judgement_at(row->v, row->v->verdict);
    tca_buf_str(buf, tca_severity_name(j ? tca_findings[j->id].severity : TCA_SEVERITY_INFO));
}

void cell_flows_confidence(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_str(buf, tca_confidence_name(tca_verdict_confidence(row->v)));
}

void cell_flows_handshake(const struct flow_row *row, struct tca_buf *buf)
{
    short_id(judgement_at(row->v, 0), "handshake_", buf);
}

void cell_flows_handshake_confidence(const struct flow_row *row, struct tca_buf *buf)
{
    confidence_of(judgement_at(row->v, 0), buf);
}

void cell_flows_close(const struct flow_row *row, struct tca_buf *buf)
{
    short_id(judgement_at(row->v, 1), "close_", buf);
}

void cell_flows_close_confidence(const struct flow_row *row, struct tca_buf *buf)
{
    confidence_of(judgement_at(row->v, 1), buf);
}

void cell_flows_findings(const struct flow_row *row, struct tca_buf *buf)
{
    const char *id[TCA_JUDGEMENTS_MAX];
    size_t count = 0;
    for (int i = 2; i < row->v->count; i++)
        id[count++] = tca_findings[row->v->judgement[i].id].id;
    tca_text_ids(buf, id, count);
}

/* ---- where to look ---- */

static void add_file(const struct flow_row *row, uint64_t frame, struct tca_buf *buf)
{
    uint32_t ordinal = tca_frame_spot(row->capture, frame).ordinal;
    tca_text_clean(buf, tca_file_name(row->capture, ordinal), row->opt->raw_text);
}

void cell_flows_capture(const struct flow_row *row, struct tca_buf *buf)
{
    add_file(row, row->m->first_frame, buf);
}

void cell_flows_first_frame(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, tca_frame_spot(row->capture, row->m->first_frame).frame);
}

void cell_flows_last_frame(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, tca_frame_spot(row->capture, row->m->last_frame).frame);
}

void cell_flows_vlan(const struct flow_row *row, struct tca_buf *buf)
{
    tca_text_vlan(buf, &row->d->tags);
}

void cell_flows_encap(const struct flow_row *row, struct tca_buf *buf)
{
    tca_text_encap(buf, &row->d->tags);
}

void cell_flows_last_capture(const struct flow_row *row, struct tca_buf *buf)
{
    add_file(row, row->m->last_frame, buf);
}

void cell_flows_twin(const struct flow_row *row, struct tca_buf *buf)
{
    const struct tca_twin *twin = row->c->twin;
    for (int i = 0; twin && i < twin->others; i++) {
        if (i)
            tca_buf_char(buf, ';');
        tca_text_flow_id(buf, row->capture, twin->other[i].capture, twin->other[i].id_frame);
    }
}

void cell_flows_vantage(const struct flow_row *row, struct tca_buf *buf)
{
    tca_buf_str(buf, tca_vantage_name(row->c->vantage));
}

void cell_flows_damage(const struct flow_row *row, struct tca_buf *buf)
{
    static const struct {
        uint32_t damage;
        const char *name;
    } all[] = {
        {TCA_DAMAGE_GAP, "gap"},
        {TCA_DAMAGE_SNAPLEN, "snaplen"},
        {TCA_DAMAGE_ONE_WAY, "one_way"},
        {TCA_DAMAGE_DUP, "dup"},
        {TCA_DAMAGE_REORDER, "reorder"},
        {TCA_DAMAGE_OFFLOAD, "offload"},
        {TCA_DAMAGE_START_CUT, "start_cut"},
        {TCA_DAMAGE_END_CUT, "end_cut"},
        {TCA_DAMAGE_NO_TIME, "no_time"},
        {TCA_DAMAGE_CUT_SHORT, "cut_short"},
    };
    const struct tca_side *side = row->m->side;
    bool unfinished =
        side[0].unfinished_checksums || side[1].unfinished_checksums; /* left to the card: as on veth */
    uint32_t damage = row->m->damage | (unfinished ? TCA_DAMAGE_OFFLOAD : 0u);
    const char *between = "";
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (!(damage & all[i].damage))
            continue;
        tca_buf_str(buf, between);
        tca_buf_str(buf, all[i].name);
        between = ";";
    }
}
