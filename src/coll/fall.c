#include "coll/fall.h"

#include <errno.h>

int fall_say(const struct fall *fall, struct err *err)
{
    static const struct {
        int code;
        const char *text;
    } said[FALL_WHYS] = {
        [FALL_NONE] = {-ECONNRESET, "has fallen"},
        [FALL_DIED] = {-ECONNRESET, "has died"},
        [FALL_GONE] = {-ECONNRESET, "has died or can't be reached: its host does not answer"},
        [FALL_FAILED] = {-ECONNRESET, "has failed"},
        [FALL_LEFT] = {-ECONNRESET, "has left the group"},
        [FALL_EARLY] = {-ECONNRESET, "has left the group"},
        [FALL_STUCK] = {-ECONNRESET, "lives, but has sent nothing for too long"},
        [FALL_LATE] = {-ETIMEDOUT, "has not come in time"},
        [FALL_TWICE] = {-EEXIST, "is taken: another process is it already"},
    };
    uint32_t why = fall->why < FALL_WHYS ? fall->why : FALL_NONE;

    if (why == FALL_UNREACHED)
        return err_set(err, -ECONNRESET, "rank %u has died or can't be reached by rank %u",
                       fall->rank, fall->by);
    return err_set(err, said[why].code, "rank %u %s", fall->rank, said[why].text);
}
