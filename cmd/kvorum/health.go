package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

// healthCommand builds the command health.
func healthCommand() *cobra.Command {
	at := address{"127.0.0.1", clientPortDefault + httpPortOffset}
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Exit with 0 if a node is ready: its reads are confirmed, and it is less than a second behind",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			answer, err := askReady(cmd.Context(), at)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), answer)
			return err
		},
	}
	cmd.Flags().Var(&at, "http", "the node's health address")
	return cmd
}

// askReady returns the answer of a node that is ready, and an error otherwise.
func askReady(ctx context.Context, at address) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, healthWithin)
	defer cancel()
	if at.everywhere() {
		at.host = "127.0.0.1"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at.String()+"/readyz", nil)
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", &at, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("no node answers at --http %s: %w", &at, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax))
	if err != nil {
		return "", fmt.Errorf("read the answer of %s: %w", &at, err)
	}
	answer := strings.TrimSpace(string(body))
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the node at %s is not ready: %s", &at, answer)
	}
	return answer, nil
}
