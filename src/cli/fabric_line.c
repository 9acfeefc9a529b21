#include "base/clock.h"
#include "base/term.h"
#include "cli/fabric_work.h"
#include "cli/live.h"

#include <stdio.h>
#include <string.h>

void fabric_line_erase(struct fabric_work *w)
{
    if (w->line[0])
        (void)fprintf(stderr, "\r\033[K");
    w->line[0] = '\0';
}

void fabric_line_draw(struct fabric_work *w)
{
    struct session_view view;
    struct buf left = {0};

    if (!w->terminal || !w->begun || w->over)
        return;
    session_view(w->session, clock_now_ms(), &view);
    if (view.left_ms >= 0) {
        buf_puts(&left, ", about ");
        live_print_duration((view.left_ms + 999) / 1000, &left);
        buf_puts(&left, " left");
    }
    fabric_line_erase(w);
    (void)snprintf(w->line, sizeof(w->line), "%3.0f %%  %s%s; %u nodes answer%s", 100 * view.share,
                   view.doing, left.failed || !left.len ? "" : left.p, view.nodes_well,
                   view.suspects ? ", suspects so far: " : "");
    if (view.suspects)
        (void)snprintf(w->line + strlen(w->line), sizeof(w->line) - strlen(w->line), "%u",
                       view.suspects);
    (void)fprintf(stderr, "%.*s", term_columns(stderr) - 1, w->line);
    (void)fflush(stderr);
    buf_done(&left);
}

void fabric_line_say(struct fabric_work *w, const char *who, const char *words)
{
    if (w->run->quiet)
        return;
    fabric_line_erase(w);
    (void)fprintf(stderr, "firstlight fabric: %s%s%s\n", who, *who ? ": " : "", words);
    fabric_line_draw(w);
}
