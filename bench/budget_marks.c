/* What a Python program under callgrind cannot say itself: begin to watch; from here on collect, or no more. */
#include <valgrind/callgrind.h>

void begin(void) { CALLGRIND_START_INSTRUMENTATION; }
void toggle(void) { CALLGRIND_TOGGLE_COLLECT; }
