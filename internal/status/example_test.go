package status_test

import (
	"context"
	"fmt"

	"tstat-transport/internal/status"
)

func ExampleCollect() {
	report, err := status.Collect(context.Background(), []status.Root{{Path: "../../testdata/corpus/rotation"}}, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, d := range report.Directories {
		fmt.Println(d.State, d.Bytes, d.Path)
	}
	// Output:
	// untried 772546 ../../testdata/corpus/rotation/2026_11_22_22_30.out
	// untried 256753 ../../testdata/corpus/rotation/2026_11_22_23_32.out
}
