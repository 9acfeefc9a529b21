#include "trainer/show.h"

#include "base/term.h"
#include "trainer/line.h"
#include "trainer/memory_check.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#define LINES_IN_ALL 40
#define BAR_CHARS    20

int show_init(struct show *show, const struct train_config *config, FILE *out, const char *log_path,
              struct err *err)
{
    *show = (struct show){.config = config, .out = out, .ranks = 1, .log = RUN_LOG_NONE};
    show->live = isatty(fileno(out));
    show->flop_per_token = model_flop_per_token(&config->model, (size_t)config->train.time, true);
    return log_path ? run_log_open(&show->log, log_path, err) : 0;
}

void show_done(struct show *show)
{
    if (show->line_open)
        (void)fputs("\n", show->out);
    show->line_open = false;
    run_log_close(&show->log);
}

/* A line of its own, above the live one. */
static void say(struct show *show, const char *text)
{
    if (show->quiet)
        return;
    (void)fprintf(show->out, "%s%s\n", show->line_open ? "\r\033[K" : "", text);
    show->line_open = false;
    (void)fflush(show->out);
}

static void put_duration(struct buf *out, double seconds)
{
    long long s = seconds > 0 && seconds < 1e9 ? (long long)(seconds + 0.5) : 0;

    if (s >= 86400)
        buf_printf(out, "%lldd%02lldh", s / 86400, s / 3600 % 24);
    else if (s >= 3600)
        buf_printf(out, "%lldh%02lldm", s / 3600, s / 60 % 60);
    else if (s >= 60)
        buf_printf(out, "%lldm%02llds", s / 60, s % 60);
    else
        buf_printf(out, "%llds", s);
}

/* 3 digits and a suffix: 84.2M. */
static void put_count(struct buf *out, double value)
{
    static const char suffixes[] = " kMGTPE";
    size_t i = 0;

    for (; value >= 999.5 && i + 2 < sizeof(suffixes); i++)
        value /= 1000;
    buf_printf(out, i ? "%.3g%c" : "%.0f", value, suffixes[i]);
}

static void say_buf(struct show *show, struct buf *line)
{
    if (!line->failed && line->p)
        say(show, line->p);
    buf_done(line);
}

void show_ready(struct show *show, const struct params *params, const struct exec *exec,
                int64_t step, uint64_t data_tokens, const char *coll)
{
    const struct train_config *config = show->config;
    struct buf line = {0};

    show->first = step;
    put_count(&line, (double)params_weights(params));
    buf_puts(&line, " weights (");
    put_count(&line, (double)params_active(params, &config->model));
    buf_puts(&line, " active), ");
    put_count(&line, (double)data_tokens);
    buf_printf(&line, " tokens of data; %zu rank%s by %s, %zu thread%s each, %s, %s", show->ranks,
               show->ranks == 1 ? "" : "s", coll, pool_threads(exec->pool),
               pool_threads(exec->pool) == 1 ? "" : "s", kernel_level_name(exec->level),
               dtype_name(train_dtype(config)));
    if (show->memory_bytes) {
        buf_puts(&line, ", ");
        memory_print(show->memory_bytes, &line);
        buf_puts(&line, show->ranks == 1 ? "" : " each");
    }
    say_buf(show, &line);
    run_log_add(&show->log,
                json_pack("{s:s, s:I, s:I, s:I, s:I, s:s, s:I, s:I}", "event", "ready", "step",
                          (json_int_t)step, "weights", (json_int_t)params_weights(params), "active",
                          (json_int_t)params_active(params, &config->model), "ranks",
                          (json_int_t)show->ranks, "kernels", kernel_level_name(exec->level),
                          "threads", (json_int_t)pool_threads(exec->pool), "memory_bytes",
                          (json_int_t)show->memory_bytes));
}

static double tokens_a_second(const struct show *show)
{
    double tokens = (double)(show->config->train.batch * show->config->train.time);

    return show->seconds > 0 ? tokens / show->seconds : 0;
}

static double mfu(const struct show *show)
{
    double peak = show->peak_flops;

    return peak > 0 ? tokens_a_second(show) * show->flop_per_token / peak : 0;
}

/* In the order of the line, each with how soon it gives way on a narrow terminal. */
static void add_numbers(const struct show *show, const struct train_step *step, struct line *line)
{
    struct buf speed = {0}, peak = {0}, left = {0};

    line_add(line, 1, "loss %.4f", step->loss);
    line_add(line, 3, "mean %.4f", step->smooth_loss);
    line_add(line, 6, "norm %.3f", step->grad_norm);
    line_add(line, 5, "lr %.2e", step->lr);
    put_count(&speed, tokens_a_second(show));
    line_add(line, 4, "%s tokens/s", speed.p ? speed.p : "");
    if (show->peak_flops > 0) {
        put_count(&peak, show->peak_flops);
        line_add(line, 7, "MFU %.0f%% of %s FLOP/s", 100 * mfu(show), peak.p ? peak.p : "");
    }
    if (show->config->model.experts > 1)
        line_add(line, 8, "experts %.2f-%.2f", step->expert_worst, step->expert_best);
    if (step->dead_experts)
        line_add(line, 2, "%lld dead", (long long)step->dead_experts);
    put_duration(&left, show->seconds * (double)(show->config->train.steps - step->step));
    line_add(line, 2, "ends in %s", left.p ? left.p : "");
    buf_done(&speed);
    buf_done(&peak);
    buf_done(&left);
}

/* Redrawn in place. The terminal may have been made wider or narrower; its last column stays free,
 * so that no terminal begins another line. */
static void draw_live(struct show *show, const struct train_step *step)
{
    int64_t steps = show->config->train.steps;
    int filled = (int)((double)BAR_CHARS * (double)step->step / (double)steps);
    char bar[BAR_CHARS + 1] = "";
    struct line line = {0};
    struct buf text = {0};

    memset(bar, '.', BAR_CHARS);
    memset(bar, '#', (size_t)filled);
    line_add(&line, 9, "%s", bar);
    line_add(&line, 0, "%lld/%lld", (long long)step->step, (long long)steps);
    add_numbers(show, step, &line);
    line_print(&line, (size_t)term_columns(show->out) - 1, &text);
    if (!text.failed)
        (void)fprintf(show->out, "\r\033[K%s", text.p ? text.p : "");
    (void)fflush(show->out);
    show->line_open = true;
    buf_done(&text);
}

static bool line_is_due(const struct show *show, const struct train_step *step)
{
    int64_t every = show->every ? show->every : show->config->train.steps / LINES_IN_ALL;

    return step->step == show->config->train.steps || step->step == show->first + 1 ||
           step->verdict != WATCH_APPLY || every < 2 || step->step % every == 0;
}

void show_step(struct show *show, const struct train_step *step)
{
    struct line line = {0};
    struct buf text = {0};
    int64_t shown = step->step - show->first;

    show->seconds += (step->seconds - show->seconds) / (double)(shown < 10 ? shown : 10);
    run_log_add(&show->log,
                json_pack("{s:s, s:I, s:o, s:o, s:o, s:f, s:I, s:s, s:f, s:f, s:I, s:f, s:f, s:f, "
                          "s:f, s:f}",
                          "event", "step", "step", (json_int_t)step->step, "loss",
                          run_log_real(step->loss), "smooth_loss", run_log_real(step->smooth_loss),
                          "grad_norm", run_log_real(step->grad_norm), "lr", step->lr, "tokens",
                          (json_int_t)step->tokens, "verdict", watch_verdict_name(step->verdict),
                          "expert_worst", step->expert_worst, "expert_best", step->expert_best,
                          "dead_experts", (json_int_t)step->dead_experts, "z_loss", step->z_loss,
                          "seconds", step->seconds, "stall_seconds", step->stall_seconds,
                          "tokens_a_second", tokens_a_second(show), "mfu", mfu(show)));
    if (show->quiet)
        return;
    if (show->live) {
        draw_live(show, step);
        return;
    }
    if (!line_is_due(show, step))
        return;
    line_add(&line, 0, "step %lld/%lld", (long long)step->step,
             (long long)show->config->train.steps);
    add_numbers(show, step, &line);
    line_print(&line, 0, &text);
    say_buf(show, &text);
}

/* What is said even when all else is quiet. */
static bool is_trouble(const char *kind)
{
    static const char *const kinds[] = {"skipped", "dead_expert", "checkpoint_failed",
                                        "checkpoint_passed_over", "prune_failed"};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (!strcmp(kind, kinds[i]))
            return true;
    return false;
}

void show_note(struct show *show, const char *kind, const char *text)
{
    struct buf line = {0};

    buf_printf(&line, "%s: %s", kind, text);
    run_log_add(&show->log, json_pack("{s:s, s:o}", "event", kind, "text", run_log_text(text)));
    if (show->quiet && is_trouble(kind) && !line.failed)
        (void)fprintf(stderr, "%s\n", line.p);
    say_buf(show, &line);
}

void show_hash(struct show *show, int64_t step, uint64_t hash)
{
    struct buf line = {0};
    char hex[17];

    (void)snprintf(hex, sizeof(hex), "%016llx", (unsigned long long)hash);
    buf_printf(&line, "hash of the weights after step %lld: %s", (long long)step, hex);
    run_log_add(&show->log, json_pack("{s:s, s:I, s:s}", "event", "hash", "step", (json_int_t)step,
                                      "hash", hex));
    say_buf(show, &line);
}

void show_valid(struct show *show, int64_t step, double loss, double bits_per_byte)
{
    struct buf line = {0};

    buf_printf(&line, "held out after step %lld: loss %.4f, perplexity %.2f", (long long)step, loss,
               exp(loss));
    if (bits_per_byte > 0)
        buf_printf(&line, ", %.4f bits per byte", bits_per_byte);
    run_log_add(&show->log,
                json_pack("{s:s, s:I, s:o, s:f}", "event", "valid", "step", (json_int_t)step,
                          "loss", run_log_real(loss), "bits_per_byte", bits_per_byte));
    say_buf(show, &line);
}

void show_sample(struct show *show, int64_t step, const char *text)
{
    struct buf line = {0};

    run_log_add(&show->log, json_pack("{s:s, s:I, s:o}", "event", "sample", "step",
                                      (json_int_t)step, "text", run_log_text(text)));
    if (show->quiet)
        return;
    buf_printf(&line, "sample after step %lld:", (long long)step);
    say_buf(show, &line);
    term_write(show->out, text, strlen(text));
    say(show, "");
}

void show_saved(struct show *show, const char *path, int64_t step, double seconds, double stall)
{
    struct buf line = {0};

    buf_printf(&line, "saved %s in %.2f s; training waited %.0f ms of it", path, seconds,
               1000 * stall);
    run_log_add(&show->log,
                json_pack("{s:s, s:I, s:o, s:f, s:f}", "event", "saved", "step", (json_int_t)step,
                          "path", run_log_text(path), "seconds", seconds, "stall_seconds", stall));
    say_buf(show, &line);
}

void show_summary(struct show *show, const struct train_summary *summary)
{
    struct buf line = {0};

    buf_printf(&line, "%s after step %lld: ", summary->stopped ? "stopped" : "done",
               (long long)summary->step);
    if (summary->step > show->first)
        buf_printf(&line, "loss %.4f, ", summary->loss);
    put_count(&line, (double)summary->tokens);
    buf_puts(&line, " tokens in ");
    put_duration(&line, summary->seconds);
    if (summary->seconds > 0)
        buf_printf(&line, ", %.2f %% of it waiting for checkpoints",
                   100 * summary->stall_seconds / summary->seconds);
    if (summary->skipped)
        buf_printf(&line, ", %llu steps not applied", (unsigned long long)summary->skipped);
    run_log_add(&show->log,
                json_pack("{s:s, s:I, s:o, s:I, s:I, s:f, s:f}", "event",
                          summary->stopped ? "stopped" : "done", "step", (json_int_t)summary->step,
                          "loss", run_log_real(summary->loss), "tokens",
                          (json_int_t)summary->tokens, "skipped", (json_int_t)summary->skipped,
                          "seconds", summary->seconds, "stall_seconds", summary->stall_seconds));
    if (summary->step == show->first && !summary->stopped) {
        buf_clear(&line);
        buf_printf(&line, "nothing to do: step %lld is done, and train.steps is %lld",
                   (long long)summary->step, (long long)show->config->train.steps);
    }
    say_buf(show, &line);
    show_hash(show, summary->step, summary->hash);
}
