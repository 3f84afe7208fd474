/* SPDX-License-Identifier: MIT
 *
 * Rows of the table settings.
 */
#include "report/row.h"

struct setting_row {
    const struct tca_estimate *e;
    const struct tca_capture_facts *capture;
    const struct tca_report_options *opt;
};

void cell_settings_capture(const struct setting_row *row, struct tca_buf *buf)
{
    tca_text_clean(buf, row->capture->name, row->opt->raw_text);
}

void cell_settings_host(const struct setting_row *row, struct tca_buf *buf)
{
    tca_anon_ip(buf, row->opt->anon, row->e->addr, row->e->family);
}

void cell_settings_port(const struct setting_row *row, struct tca_buf *buf)
{
    if (row->e->port)
        tca_buf_u64(buf, row->e->port);
}

void cell_settings_setting(const struct setting_row *row, struct tca_buf *buf)
{
    tca_buf_str(buf, tca_setting_name(row->e->id));
}

void cell_settings_min(const struct setting_row *row, struct tca_buf *buf)
{
    tca_buf_i64(buf, row->e->min);
}

void cell_settings_max(const struct setting_row *row, struct tca_buf *buf)
{
    if (row->e->max != TCA_NO_LIMIT)
        tca_buf_i64(buf, row->e->max);
}

void cell_settings_basis(const struct setting_row *row, struct tca_buf *buf)
{
    if (row->e->disagree)
        tca_buf_str(buf, "connections disagree, as where programs set it for their own sockets: ");
    tca_buf_str(buf, tca_estimate_basis(row->e));
}

void cell_settings_evidence_count(const struct setting_row *row, struct tca_buf *buf)
{
    tca_buf_u64(buf, row->e->count);
}

void cell_settings_frames(const struct setting_row *row, struct tca_buf *buf)
{
    for (unsigned at = 0; at < row->e->frame_count; at++) {
        if (at)
            tca_buf_char(buf, ';');
        tca_text_frame(buf, tca_frame_spot(row->capture, 0).ordinal,
                       tca_record_spot(row->capture, 0, row->e->frame[at]));
    }
}

void cell_settings_known(const struct setting_row *row, struct tca_buf *buf)
{
    if (row->e->is_known)
        tca_buf_i64(buf, row->e->known);
}

void cell_settings_verdict(const struct setting_row *row, struct tca_buf *buf)
{
    static const char *const word[] = {[TCA_ESTIMATE_NOT_JUDGED] = "not_judged",
                                       [TCA_ESTIMATE_CONSISTENT] = "consistent",
                                       [TCA_ESTIMATE_CONTRADICTED] = "contradicted"};
    tca_buf_str(buf, word[tca_estimate_verdict(row->e)]);
}

#define PICK_settings(name) cell_settings_##name,
static setting_cell *const cells_in_order[] = {
#include "report/pick.def"
};

void tca_row_setting(const struct tca_estimate *estimate, const struct tca_capture_facts *capture,
                     const struct tca_report_options *opt, struct tca_cells *cells)
{
    const struct setting_row row = {.e = estimate, .capture = capture, .opt = opt};
    TCA_FILL(cells, cells_in_order, &row);
}
