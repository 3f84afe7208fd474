/* SPDX-License-Identifier: MIT
 *
 * The cells of one row, and the few text forms that every report shares.
 *
 * Names in a capture's file name, and so in a table, may come from whoever sent the file: nothing of it may
 * reach a terminal as a control sequence or a spreadsheet as a formula (CWE-1236).
 */
#include "report/row.h"

#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/text.h>

void tca_cells_reset(struct tca_cells *cells)
{
    tca_buf_reset(&cells->text);
    cells->count = 0;
}

void tca_cells_done(struct tca_cells *cells)
{
    tca_buf_done(&cells->text);
    cells->count = 0;
}

const char *tca_cell(const struct tca_cells *cells, size_t index)
{
    if (cells->text.failed || index >= cells->count)
        return "";
    return cells->text.bytes + cells->offset[index];
}

/* They stand one behind the other, each with its end. */
size_t tca_cell_length(const struct tca_cells *cells, size_t index)
{
    if (cells->text.failed || index >= cells->count)
        return 0;
    size_t end = index + 1 < cells->count ? cells->offset[index + 1] : cells->text.used;
    return end - cells->offset[index] - 1;
}

void tca_cells_next(struct tca_cells *cells, size_t begin)
{
    if (cells->count >= sizeof cells->offset / sizeof cells->offset[0])
        return;
    cells->offset[cells->count++] = begin;
    tca_buf_char(&cells->text, '\0');
}

void tca_text_clean(struct tca_buf *buf, const char *text, bool raw)
{
    if (!raw && tca_text_is_formula(text))
        tca_buf_char(buf, '\'');
    size_t plain = 0; /* most names are ASCII to their end */
    while (text[plain] >= 0x20 && text[plain] < 0x7f)
        plain++;
    tca_buf_add(buf, text, plain);
    for (const char *s = text + plain; *s;) {
        size_t length = tca_text_plain(s);
        if (length)
            tca_buf_add(buf, s, length);
        else
            tca_buf_fmt(buf, "\\x%02x", (unsigned char)*s);
        s += length ? length : 1;
    }
}

void tca_text_vlan(struct tca_buf *buf, const struct tca_tags *tags)
{
    for (int i = 0; i < tags->vlan_count && i < 4; i++) {
        if (i)
            tca_buf_char(buf, '.');
        tca_buf_u64(buf, tags->vlan[i]);
    }
}

void tca_text_encap(struct tca_buf *buf, const struct tca_tags *tags)
{
    static const struct {
        const char *name;
        bool always; /* its header always bears a number, which may be 0 */
    } kind[] = {[TCA_ENCAP_NONE] = {"", false},         [TCA_ENCAP_GRE] = {"gre", false},
                [TCA_ENCAP_IPIP] = {"ipip", false},     [TCA_ENCAP_6IN4] = {"6in4", false},
                [TCA_ENCAP_ERSPAN] = {"erspan", false}, [TCA_ENCAP_VXLAN] = {"vxlan", true},
                [TCA_ENCAP_GENEVE] = {"geneve", true},  [TCA_ENCAP_GTPU] = {"gtpu", true},
                [TCA_ENCAP_TEREDO] = {"teredo", false}};
    size_t encap = tags->encap;
    if (encap >= sizeof kind / sizeof *kind) {
        tca_buf_str(buf, "unknown");
        return;
    }
    tca_buf_str(buf, kind[encap].name);
    if (tags->encap_id || kind[encap].always) {
        tca_buf_char(buf, ':');
        tca_buf_u64(buf, tags->encap_id);
    }
}

void tca_text_seconds(struct tca_buf *buf, int64_t ns)
{
    if (ns >= 0)
        tca_buf_seconds(buf, ns, 9);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void tca_text_ids(struct tca_buf *buf, const char **id, size_t count)
{
    if (count)
        qsort(id, count, sizeof id[0], compare_ids);
    for (size_t i = 0; i < count; i++) {
        if (i && strcmp(id[i], id[i - 1]) == 0)
            continue;
        tca_buf_str(buf, i ? ";" : "");
        tca_buf_str(buf, id[i]);
    }
}

void tca_text_quoted(struct tca_buf *buf, const char *text)
{
    tca_buf_char(buf, '\'');
    for (const char *c = text; *c; c++)
        tca_buf_add(buf, *c == '\'' ? "'\\''" : c, *c == '\'' ? 4 : 1);
    tca_buf_char(buf, '\'');
}

void tca_text_endpoint(struct tca_buf *buf, struct tca_anon *anon, const uint8_t addr[16], int family,
                       uint16_t port)
{
    if (family == 6)
        tca_buf_char(buf, '[');
    tca_anon_ip(buf, anon, addr, family);
    if (family == 6)
        tca_buf_char(buf, ']');
    tca_buf_char(buf, ':');
    tca_buf_u64(buf, port);
}

void tca_text_refusals(struct tca_buf *buf, uint64_t drops, uint64_t ignored, uint64_t aborted)
{
    const struct {
        uint64_t count;
        const char *one, *many;
    } refusal[] = {{drops, " SYN dropped", " SYNs dropped"},
                   {ignored, " ACK ignored", " ACKs ignored"},
                   {aborted, " reset (tcp_abort_on_overflow)", " reset (tcp_abort_on_overflow)"}};
    const char *between = "";
    for (size_t i = 0; i < sizeof refusal / sizeof refusal[0]; i++) {
        if (!refusal[i].count)
            continue;
        tca_buf_str(buf, between);
        tca_buf_u64(buf, refusal[i].count);
        tca_buf_str(buf, refusal[i].count == 1 ? refusal[i].one : refusal[i].many);
        between = ", ";
    }
}

void tca_text_spot(struct tca_buf *buf, struct tca_spot place)
{
    tca_buf_char(buf, 'c');
    tca_buf_u64(buf, place.ordinal);
    tca_buf_char(buf, 'f');
    tca_buf_u64(buf, place.frame);
}

void tca_text_flow_id(struct tca_buf *buf, const struct tca_capture_facts *facts, uint32_t capture,
                      uint64_t frame)
{
    tca_text_spot(buf, tca_spot_of(facts->spots, capture, frame));
}

struct tca_spot tca_frame_spot(const struct tca_capture_facts *own, uint64_t frame)
{
    return tca_spot_of(own->spots, own->ordinal, frame);
}

struct tca_spot tca_record_spot(const struct tca_capture_facts *own, uint32_t capture, uint64_t frame)
{
    if (!capture)
        capture = own->ordinal;
    return tca_spot_of(own->spots, capture, tca_moved_record(own->moved, capture, frame));
}

const char *tca_file_name(const struct tca_capture_facts *own, uint32_t ordinal)
{
    return own->files ? own->file[ordinal - own->file[0].ordinal].name : own->name;
}

void tca_text_frame(struct tca_buf *buf, uint32_t own, struct tca_spot place)
{
    if (place.ordinal == own)
        tca_buf_u64(buf, place.frame);
    else
        tca_text_spot(buf, place);
}

const char *tca_confidence_name(enum tca_confidence confidence)
{
    static const char *const name[] = {
        [TCA_NO] = "", [TCA_POSSIBLE] = "possible", [TCA_PROBABLE] = "probable", [TCA_CERTAIN] = "certain"};
    return (size_t)confidence < sizeof name / sizeof name[0] ? name[confidence] : "";
}

const char *tca_severity_name(enum tca_severity severity)
{
    static const char *const name[] = {[TCA_SEVERITY_INFO] = "info",
                                       [TCA_SEVERITY_LOW] = "low",
                                       [TCA_SEVERITY_MEDIUM] = "medium",
                                       [TCA_SEVERITY_HIGH] = "high"};
    return (size_t)severity < sizeof name / sizeof name[0] ? name[severity] : "unknown";
}

const char *tca_vantage_name(enum tca_vantage vantage)
{
    static const char *const name[] = {[TCA_VANTAGE_UNKNOWN] = "unknown",
                                       [TCA_VANTAGE_CLIENT] = "client",
                                       [TCA_VANTAGE_SERVER] = "server",
                                       [TCA_VANTAGE_MIDDLE] = "middle",
                                       [TCA_VANTAGE_SAME_HOST] = "same_host"};
    return (size_t)vantage < sizeof name / sizeof name[0] ? name[vantage] : "unknown";
}

enum tca_confidence tca_verdict_confidence(const struct tca_verdict *v)
{
    if (v->verdict >= 0 && v->verdict < v->count)
        return v->judgement[v->verdict].confidence;
    if (v->count < 2)
        return TCA_NO;
    enum tca_confidence open = v->judgement[0].confidence, close = v->judgement[1].confidence;
    return open < close ? open : close;
}

enum tca_state tca_first_state(const struct tca_side *side)
{
    switch (side->step_count ? side->step[0].event : TCA_EVENT_NONE) {
    case TCA_SENT_SYN:
        return TCA_CLOSED;
    case TCA_GOT_SYN:
    case TCA_SENT_SYNACK:
        return TCA_LISTEN;
    default:
        return TCA_UNKNOWN;
    }
}
