/* measure/rows - measures and troubles as JSON objects: the rows that orders' answers and results
 * in files share. */
#ifndef MEASURE_ROWS_H
#define MEASURE_ROWS_H

#include "measure/fields.h"

/* Their node and peer as ranks are the last rows: files have names there. */
#define ROWS_OF_ENDS 2
#define MEASURE_ROWS 10
#define TROUBLE_ROWS 5

extern const struct field measure_rows[MEASURE_ROWS]; /* of struct measure */
extern const struct field trouble_rows[TROUBLE_ROWS]; /* of struct fabric_trouble */

#endif
