//! Turns an event of a provider into its name and a sentence: what a plan says of where its base came from.

/// Which event of which provider decided about the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// No provider is known.
    NoProvider,
    /// GitHub: commits were pushed to a branch.
    GitHubPush,
    /// GitHub: a branch was rewritten.
    GitHubForcePush,
    /// GitHub: a branch was pushed for the first time.
    GitHubNewBranch,
    /// GitHub: a tag was pushed.
    GitHubTag,
    /// GitHub: a pull request, or a review of one.
    GitHubPullRequest,
    /// GitHub: `pull_request_target`.
    GitHubPullRequestTarget,
    /// GitHub: a group of the merge queue.
    GitHubMergeGroup,
    /// GitHub: an event that is not about a change, such as `schedule` and `workflow_dispatch`.
    GitHubOther,
    /// GitLab: commits were pushed to a branch.
    GitLabPush,
    /// GitLab: a branch has its first pipeline.
    GitLabNewBranch,
    /// GitLab: a tag was pushed.
    GitLabTag,
    /// GitLab: a merge request pipeline.
    GitLabMergeRequest,
    /// GitLab: a merged results pipeline.
    GitLabMergedResults,
    /// GitLab: a merge train.
    GitLabMergeTrain,
    /// GitLab: a pipeline that is not about a change, such as a schedule.
    GitLabOther,
    /// Buildkite: a pull request.
    BuildkitePullRequest,
    /// Buildkite: a group of GitHub's merge queue.
    BuildkiteMergeQueue,
    /// Buildkite: a branch other than the default one.
    BuildkiteBranch,
    /// Buildkite: a tag.
    BuildkiteTag,
    /// Buildkite: the default branch, about which nothing more is said.
    BuildkiteOther,
    /// CircleCI: the revision of the previous pipeline was handed on.
    CircleCiBaseRevision,
    /// CircleCI: a tag.
    CircleCiTag,
    /// CircleCI: nothing was handed on.
    CircleCiOther,
    /// Azure: a pull request.
    AzurePullRequest,
    /// Azure: a branch other than what others start from, or an event that says nothing.
    AzureOther,
    /// Azure: a tag.
    AzureTag,
    /// Jenkins: a pull request of a multibranch project.
    JenkinsChange,
    /// Jenkins: the last successful build of the branch.
    JenkinsPreviousSuccess,
    /// Jenkins: a tag.
    JenkinsTag,
    /// Jenkins: nothing was built before.
    JenkinsOther,
}

impl Rule {
    /// All of them, in the order of `docs/ci/baselines.md`.
    pub const ALL: [Self; 31] = [
        Self::GitHubPush,
        Self::GitHubForcePush,
        Self::GitHubNewBranch,
        Self::GitHubTag,
        Self::GitHubPullRequest,
        Self::GitHubPullRequestTarget,
        Self::GitHubMergeGroup,
        Self::GitHubOther,
        Self::GitLabPush,
        Self::GitLabNewBranch,
        Self::GitLabTag,
        Self::GitLabMergeRequest,
        Self::GitLabMergedResults,
        Self::GitLabMergeTrain,
        Self::GitLabOther,
        Self::BuildkitePullRequest,
        Self::BuildkiteMergeQueue,
        Self::BuildkiteBranch,
        Self::BuildkiteTag,
        Self::BuildkiteOther,
        Self::CircleCiBaseRevision,
        Self::CircleCiTag,
        Self::CircleCiOther,
        Self::AzurePullRequest,
        Self::AzureTag,
        Self::AzureOther,
        Self::JenkinsChange,
        Self::JenkinsPreviousSuccess,
        Self::JenkinsTag,
        Self::JenkinsOther,
        Self::NoProvider,
    ];

    /// The kebab-case name, used in JSON as `base.source`.
    pub fn source(self) -> &'static str {
        match self {
            Self::NoProvider => "no-provider",
            Self::GitHubPush => "github-push",
            Self::GitHubForcePush => "github-force-push",
            Self::GitHubNewBranch => "github-new-branch",
            Self::GitHubTag => "github-tag",
            Self::GitHubPullRequest => "github-pull-request",
            Self::GitHubPullRequestTarget => "github-pull-request-target",
            Self::GitHubMergeGroup => "github-merge-group",
            Self::GitHubOther => "github-other",
            Self::GitLabPush => "gitlab-push",
            Self::GitLabNewBranch => "gitlab-new-branch",
            Self::GitLabTag => "gitlab-tag",
            Self::GitLabMergeRequest => "gitlab-merge-request",
            Self::GitLabMergedResults => "gitlab-merged-results",
            Self::GitLabMergeTrain => "gitlab-merge-train",
            Self::GitLabOther => "gitlab-other",
            Self::BuildkitePullRequest => "buildkite-pull-request",
            Self::BuildkiteMergeQueue => "buildkite-merge-queue",
            Self::BuildkiteBranch => "buildkite-branch",
            Self::BuildkiteTag => "buildkite-tag",
            Self::BuildkiteOther => "buildkite-other",
            Self::CircleCiBaseRevision => "circleci-base-revision",
            Self::CircleCiTag => "circleci-tag",
            Self::CircleCiOther => "circleci-other",
            Self::AzurePullRequest => "azure-pull-request",
            Self::AzureTag => "azure-tag",
            Self::AzureOther => "azure-other",
            Self::JenkinsChange => "jenkins-change",
            Self::JenkinsPreviousSuccess => "jenkins-previous-success",
            Self::JenkinsTag => "jenkins-tag",
            Self::JenkinsOther => "jenkins-other",
        }
    }

    /// What happened, and what is therefore the base: one clause, to follow "the base is what …" or to stand alone.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::NoProvider => "no CI provider says what to compare with",
            Self::GitHubPush | Self::GitLabPush => "a push is compared with the commit that was there before",
            Self::GitHubForcePush => "a force push is compared with the very commit that it replaced",
            Self::GitHubNewBranch | Self::GitLabNewBranch => {
                "the first push of a branch is compared with where it left the default branch"
            }
            Self::GitHubTag | Self::GitLabTag => "a tag is compared with the commit that it named before",
            Self::GitHubPullRequest | Self::GitHubPullRequestTarget => {
                "a pull request is compared with the target branch that it is, or would be, merged into"
            }
            Self::GitHubMergeGroup | Self::BuildkiteMergeQueue => {
                "a merge group is compared with what it is queued behind"
            }
            Self::GitLabMergeRequest => "a merge request is compared with where it left its target branch",
            Self::GitLabMergedResults => "a merged result is compared with the target branch that it was merged into",
            Self::GitLabMergeTrain => "a merge train is compared with what it is queued behind",
            Self::BuildkitePullRequest | Self::AzurePullRequest | Self::JenkinsChange => {
                "a pull request is compared with where it left its target branch"
            }
            Self::BuildkiteBranch => "a branch is compared with where it left the default branch",
            Self::CircleCiBaseRevision => "a pipeline is compared with the revision of the one before on the branch",
            Self::JenkinsPreviousSuccess => "a build is compared with the last successful one of the branch",
            Self::BuildkiteTag | Self::CircleCiTag | Self::AzureTag | Self::JenkinsTag => {
                "a tag says nothing of what to compare with"
            }
            Self::GitHubOther
            | Self::GitLabOther
            | Self::BuildkiteOther
            | Self::CircleCiOther
            | Self::AzureOther
            | Self::JenkinsOther => "the job says nothing of what to compare with, so the branches decide",
        }
    }
}
