/* base/err - one sentence for a person, and the errno that goes with it.
 *
 * A call whose failure a person will read takes a last `struct err *`, which may be NULL. Whoever
 * finds the error words it with err_set; callers add what they were doing with err_wrap. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define ERR_TEXT_MAX 512

struct err {
    int code; /* negative errno, 0 when nothing was set */
    char text[ERR_TEXT_MAX];
};

/* Both return `code`, so that a caller can write `return err_set(...)`. */
int err_set(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "what was being done: " in front of the text that is there. */
int err_wrap(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
