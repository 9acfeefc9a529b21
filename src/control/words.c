#include "control/words.h"

#include <string.h>
#include <sys/wait.h>
#include <time.h>

void words_print_ns(int64_t ns, struct buf *out)
{
    if (ns < 0) {
        buf_puts(out, "-");
        ns = -ns;
    }
    if (ns < 1000000)
        buf_printf(out, "%lld us", (long long)((ns + 500) / 1000));
    else if (ns < 1000000000)
        buf_printf(out, "%lld ms", (long long)((ns + 500000) / 1000000));
    else if (ns < 60000000000)
        buf_printf(out, "%.3g s", (double)ns / 1e9);
    else if (ns < 3600000000000)
        buf_printf(out, "%lld min %lld s", (long long)(ns / 60000000000),
                   (long long)(ns / 1000000000 % 60));
    else
        buf_printf(out, "%lld h %lld min", (long long)(ns / 3600000000000),
                   (long long)(ns / 60000000000 % 60));
}

void words_print_clock(int64_t wall_ns, struct buf *out)
{
    time_t seconds = (time_t)(wall_ns / 1000000000);
    struct tm tm;

    if (localtime_r(&seconds, &tm))
        buf_printf(out, "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min, tm.tm_sec,
                   (int)(wall_ns / 1000000 % 1000));
}

void words_print_signal(int signo, struct buf *out)
{
    const char *name = sigabbrev_np(signo);

    if (name)
        buf_printf(out, "SIG%s", name);
    else
        buf_printf(out, "signal %d", signo);
}

void words_print_status(int wait_status, bool oom, struct buf *out)
{
    if (oom) {
        buf_puts(out, "killed by the kernel's OOM killer");
    } else if (WIFSIGNALED(wait_status)) {
        buf_puts(out, "killed by ");
        words_print_signal(WTERMSIG(wait_status), out);
    } else {
        buf_printf(out, "exited %d", WEXITSTATUS(wait_status));
    }
}
