// The official Go SDKs, unmodified. Reads tasks and prints answers, one JSON object a line: see ../task.ts.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

type task struct {
	ID          string `json:"id"`
	SDK         string `json:"sdk"`
	Origin      string `json:"origin"`
	Key         string `json:"key"`
	Model       string `json:"model"`
	Content     string `json:"content"`
	Traceparent string `json:"traceparent"`
	Stream      bool   `json:"stream"`
	Patient     bool   `json:"patient"`
}

type answer struct {
	ID        string  `json:"id"`
	Text      *string `json:"text"`
	Error     string  `json:"error"`
	Status    int     `json:"status"`
	RequestID string  `json:"requestId"`
}

var ctx = context.Background()

func headerOf(response *http.Response, name string) string {
	if response == nil {
		return ""
	}
	return response.Header.Get(name)
}

func askOpenai(asked task) (string, string, error) {
	var raw *http.Response
	options := []option.RequestOption{
		option.WithBaseURL(asked.Origin + "/v1"),
		option.WithAPIKey(asked.Key),
		option.WithHeader("traceparent", asked.Traceparent),
		option.WithResponseInto(&raw),
	}
	if !asked.Patient {
		options = append(options, option.WithMaxRetries(0))
	}
	client := openai.NewClient(options...)
	body := openai.ChatCompletionNewParams{
		Model:    asked.Model,
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(asked.Content)},
	}
	if !asked.Stream {
		reply, err := client.Chat.Completions.New(ctx, body)
		if err != nil {
			return "", "", err
		}
		return reply.Choices[0].Message.Content, headerOf(raw, "x-request-id"), nil
	}
	stream := client.Chat.Completions.NewStreaming(ctx, body)
	text := ""
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			text += choice.Delta.Content
		}
	}
	return text, headerOf(raw, "x-request-id"), stream.Err()
}

func askAnthropic(asked task) (string, string, error) {
	var raw *http.Response
	options := []anthropicoption.RequestOption{
		anthropicoption.WithBaseURL(asked.Origin),
		anthropicoption.WithAPIKey(asked.Key),
		anthropicoption.WithHeader("traceparent", asked.Traceparent),
		anthropicoption.WithResponseInto(&raw),
	}
	if !asked.Patient {
		options = append(options, anthropicoption.WithMaxRetries(0))
	}
	client := anthropic.NewClient(options...)
	body := anthropic.MessageNewParams{
		Model:     anthropic.Model(asked.Model),
		MaxTokens: 9,
		Messages:  []anthropic.MessageParam{anthropic.NewUserMessage(anthropic.NewTextBlock(asked.Content))},
	}
	if !asked.Stream {
		reply, err := client.Messages.New(ctx, body)
		if err != nil {
			return "", "", err
		}
		return reply.Content[0].Text, headerOf(raw, "request-id"), nil
	}
	stream := client.Messages.NewStreaming(ctx, body)
	text := ""
	for stream.Next() {
		text += stream.Current().Delta.Text
	}
	return text, headerOf(raw, "request-id"), stream.Err()
}

func answerOf(asked task) answer {
	ask := askOpenai
	if asked.SDK == "anthropic" {
		ask = askAnthropic
	}
	text, requestID, err := ask(asked)
	seen := answer{ID: asked.ID}
	var ofOpenai *openai.Error
	var ofAnthropic *anthropic.Error
	switch {
	case err == nil:
		seen.Text, seen.RequestID = &text, requestID
	case errors.As(err, &ofOpenai):
		seen.Error, seen.Status, seen.RequestID = "Error", ofOpenai.StatusCode, headerOf(ofOpenai.Response, "x-request-id")
	case errors.As(err, &ofAnthropic):
		seen.Error, seen.Status, seen.RequestID = "Error", ofAnthropic.StatusCode, ofAnthropic.RequestID
	default:
		seen.Error = fmt.Sprintf("%T", err)
	}
	return seen
}

func main() {
	width, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	places := make(chan struct{}, width)
	var printing sync.Mutex
	var all sync.WaitGroup
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked task
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			line, err := json.Marshal(answerOf(asked))
			if err != nil {
				panic(err)
			}
			printing.Lock()
			defer printing.Unlock()
			fmt.Println(string(line))
		})
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
	all.Wait()
}
