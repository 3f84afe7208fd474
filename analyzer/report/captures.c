/* SPDX-License-Identifier: MIT
 *
 * Cells of captures.
 */
#include "report/row.h"

void cell_captures_capture(const struct capture_row *row, struct tca_buf *buf)
{
    tca_text_clean(buf, row->facts->name, row->opt->raw_text);
}

void cell_captures_format(const struct capture_row *row, struct tca_buf *buf)
{
    tca_text_clean(buf, row->facts->format, row->opt->raw_text);
}

/* LINKTYPE_ values by libpcap's names. */
static void add_link(struct tca_buf *buf, int link)
{
    static const struct {
        int link;
        const char *name;
    } known[] = {
        {0, "NULL"},
        {1, "EN10MB"},
        {9, "PPP"},
        {12, "RAW"},
        {14, "RAW"},
        {50, "PPP_SERIAL"},
        {101, "RAW"},
        {105, "IEEE802_11"},
        {108, "LOOP"},
        {113, "LINUX_SLL"},
        {127, "IEEE802_11_RADIO"},
        {228, "IPV4"},
        {229, "IPV6"},
        {239, "NFLOG"},
        {276, "LINUX_SLL2"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].link == link) {
            tca_buf_str(buf, known[i].name);
            return;
        }
    }
    tca_buf_i64(buf, link);
}

void cell_captures_linktype(const struct capture_row *row, struct tca_buf *buf)
{
    for (unsigned i = 0; i < row->facts->links; i++) {
        if (i)
            tca_buf_char(buf, ';');
        add_link(buf, row->facts->link[i]);
    }
}

void cell_captures_ts_precision(const struct capture_row *row, struct tca_buf *buf)
{
    tca_text_clean(buf, row->facts->ts_precision, row->opt->raw_text);
}

/* Cells that are one number of the facts. */
/* clang-format off */
#define NUMBER(cell, print, field)                                                                           \
    void cell_captures_##cell(const struct capture_row *row, struct tca_buf *buf)                            \
    { print(buf, row->facts->field); }
NUMBER(packets, tca_buf_u64, packets)
NUMBER(tcp_packets, tca_buf_u64, tcp_packets)
NUMBER(flows, tca_buf_u64, flows)
NUMBER(first_ns, tca_buf_i64, first_ns)
NUMBER(last_ns, tca_buf_i64, last_ns)
NUMBER(bytes, tca_buf_u64, bytes)
NUMBER(order_errors, tca_buf_u64, order_errors)
NUMBER(duplicates, tca_buf_u64, duplicates)
NUMBER(cut_short, tca_buf_u64, cut_short)
#define OUTCOME(name, meaning) NUMBER(n_##name, tca_buf_u64, outcome[TCA_OUTCOME_##name])
#include "decode/outcome.def"
#undef OUTCOME
#undef NUMBER
/* clang-format on */

void cell_captures_snaplen(const struct capture_row *row, struct tca_buf *buf)
{
    if (row->facts->snaplen)
        tca_buf_u64(buf, row->facts->snaplen);
}

void cell_captures_status(const struct capture_row *row, struct tca_buf *buf)
{
    tca_text_clean(buf, row->facts->status, row->opt->raw_text);
}

void cell_captures_error_offset(const struct capture_row *row, struct tca_buf *buf)
{
    if (row->facts->error_offset >= 0)
        tca_buf_i64(buf, row->facts->error_offset);
}

void cell_captures_message(const struct capture_row *row, struct tca_buf *buf)
{
    tca_text_clean(buf, row->facts->message, row->opt->raw_text);
}

void cell_captures_comment(const struct capture_row *row, struct tca_buf *buf)
{
    bool leave_out = row->opt->anon && row->facts->comment[0];
    tca_text_clean(buf, leave_out ? TCA_LEFT_OUT : row->facts->comment, row->opt->raw_text);
}

void cell_captures_vantage(const struct capture_row *row, struct tca_buf *buf)
{
    tca_buf_str(buf, tca_vantage_name(row->facts->vantage));
}

void cell_captures_if_drops(const struct capture_row *row, struct tca_buf *buf)
{
    if (row->facts->has_drops)
        tca_buf_u64(buf, row->facts->drops);
}

/* Of a file of a series it is its own; of a capture that of its only file. */
void cell_captures_ordinal(const struct capture_row *row, struct tca_buf *buf)
{
    const struct tca_capture_facts *facts = row->facts;
    tca_buf_u64(buf, facts->series ? facts->ordinal : tca_frame_spot(facts, 0).ordinal);
}

void cell_captures_series(const struct capture_row *row, struct tca_buf *buf)
{
    if (row->facts->series)
        tca_buf_fmt(buf, "c%u", (unsigned)row->facts->series);
}

void cell_captures_gap_before_s(const struct capture_row *row, struct tca_buf *buf)
{
    if (row->facts->gap_before_ns > 0)
        tca_buf_seconds(buf, row->facts->gap_before_ns, 9);
}
